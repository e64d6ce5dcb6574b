"""What other tools were told to check, translated into a contract: pure functions from text to a draft."""
