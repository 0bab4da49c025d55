"""Who is on watch when."""
