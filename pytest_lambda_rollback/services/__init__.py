"""What replays may reach: doors to users' services, a private AWS, recorded answers."""
