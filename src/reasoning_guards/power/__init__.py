"""What a study in the paper's shape could detect, before anything is run."""
