"""What it costs: the product measured beside its rivals, as ratios in one run."""
