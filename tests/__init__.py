"""The tests. `support` is the small language that they speak, `workflow` runs the real scripts."""
