"""Distilling for a profile: which traces its guards need, asking for them, finding them again, and
examining them beside those that its trained guards write."""
