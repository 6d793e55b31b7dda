"""What the agent reaches the world through: engine, cloud, broker, disk."""
