"""Would I train on this? The gate, bad rows, shortcuts such as length, the dataset card, and exports."""
