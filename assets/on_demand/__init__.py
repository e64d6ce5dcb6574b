"""What somebody asks for, and the pipeline does not need."""
