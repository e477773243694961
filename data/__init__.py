"""Published numbers: tables whose every row names its source, date and licence."""
