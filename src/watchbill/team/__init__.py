"""Who is who and who may hold what, as declared."""
