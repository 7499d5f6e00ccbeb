"""What keeps the cycle turning: commands around the pipeline, none of which changes a result."""
