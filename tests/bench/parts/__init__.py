"""What can be measured, each part by itself."""
