DELETE FROM floor WHERE id = ANY ($1)
