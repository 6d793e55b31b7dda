"""Mail: composed, and sent or put into a folder."""
