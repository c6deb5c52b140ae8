"""How fast the work is, as ratios measured in one run on one machine: `make bench`."""
