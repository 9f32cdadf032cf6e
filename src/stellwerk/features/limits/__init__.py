"""What keys, projects and models may use, kept exactly by any number of processes."""
