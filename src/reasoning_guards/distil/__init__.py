"""Distilling reasoning traces (paper §4.1, §5.3): a teacher is asked, its answers are filtered and
judged, what is rejected is asked for again, and what was paid for is kept."""
