"""What the three command lines share: options, signals, messages, progress bars and the summary."""
