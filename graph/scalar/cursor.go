package scalar

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/internal/fault"
)

// A cursor is the time and the id by which every list is ordered: eight bytes of nanoseconds since 1970 and sixteen
// bytes of a UUID, in base64url. Nothing in it can nest, grow or have another type.
const cursorBytes = 8 + len(uuid.UUID{})

// cursorChars is the exact length of a cursor.
var cursorChars = base64.RawURLEncoding.EncodedLen(cursorBytes)

// MarshalCursor writes the position of an item in a list.
func MarshalCursor(c ent.Cursor) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		at, _ := c.Value.(time.Time)
		text := binary.BigEndian.AppendUint64(make([]byte, 0, cursorBytes), uint64(at.UnixNano()))
		text = append(text, c.ID[:]...)
		_, _ = io.WriteString(w, `"`+base64.RawURLEncoding.EncodeToString(text)+`"`)
	})
}

// UnmarshalCursor reads what MarshalCursor wrote; anything else is Invalid. It checks the length first, so that long
// input costs nothing.
func UnmarshalCursor(value any) (ent.Cursor, error) {
	text, ok := value.(string)
	if !ok || len(text) != cursorChars {
		return ent.Cursor{}, errNoCursor()
	}
	read, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(read) != cursorBytes { // the decoder skips line breaks
		return ent.Cursor{}, errNoCursor()
	}
	at := time.Unix(0, int64(binary.BigEndian.Uint64(read))).UTC()
	return ent.Cursor{ID: uuid.UUID(read[8:]), Value: at}, nil
}

func errNoCursor() error {
	return fault.New(fault.Invalid, "a cursor is what pageInfo or an edge of this list gave")
}
