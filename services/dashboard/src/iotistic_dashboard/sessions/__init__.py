"""Who is signed in: tokens stay on this server, the browser holds a random cookie."""
