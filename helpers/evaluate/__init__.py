"""What a model says, in numbers: samples, comparisons, calibration, baselines."""
