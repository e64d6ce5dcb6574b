"""What lies in `AIMS_HOME`: files named by their bytes, secrets, texts that stay out of the record."""
