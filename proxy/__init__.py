"""Pass requests through untouched and know what each one used."""
