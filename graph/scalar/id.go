// Package scalar reads and writes the API's scalars.
package scalar

import (
	"io"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"foyer/internal/fault"
)

// MarshalID writes an id.
func MarshalID(id uuid.UUID) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(id.String())) })
}

// UnmarshalID reads an id in its canonical form; anything else is Invalid.
func UnmarshalID(value any) (uuid.UUID, error) {
	text, ok := value.(string)
	id, err := uuid.Parse(text)
	if !ok || err != nil || len(text) != len(uuid.Nil.String()) {
		return uuid.Nil, fault.New(fault.Invalid, "an id is a UUID, such as %s", uuid.Nil)
	}
	return id, nil
}
