"""Operations: prepared once a document (parsed, validated, limited, classified) and executed for every transport."""
