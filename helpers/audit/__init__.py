"""Would I train on this? The gate, the dataset card, and exports."""
