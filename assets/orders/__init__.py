"""What persons ordered of personal data, carried out so that it can be resumed."""
