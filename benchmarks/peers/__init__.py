"""zenoo_fast side by side with what people use today."""
