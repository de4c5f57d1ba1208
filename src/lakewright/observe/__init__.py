"""What a running lake says about itself."""
