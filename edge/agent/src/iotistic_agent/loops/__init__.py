"""The loops of the agent, one async function each."""
