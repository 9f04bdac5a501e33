package graph

import (
	"context"
	"encoding/hex"
	"io"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/internal/live"
)

// plainly writes rooms, and lists of lobby entries, itself if only their own fields are selected. gqlgen gives every
// field a context and every item of a list a goroutine, in case a resolver needs them: for a list of fifty that is most
// of the request's time. Fields that have a resolver or are deferred are left to gqlgen, and so are all other types.
type plainly struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.FieldInterceptor
} = plainly{}

// ExtensionName names the extension to gqlgen.
func (plainly) ExtensionName() string { return "Plainly" }

// Validate accepts any schema.
func (plainly) Validate(graphql.ExecutableSchema) error { return nil }

var (
	plainRoom = plainType[ent.Room]{
		name: "Room", satisfies: []string{"Room", "Node"},
		fields: map[string]func(to []byte, r *ent.Room) []byte{
			"id":          func(to []byte, r *ent.Room) []byte { return appendID(to, r.ID) },
			"slug":        func(to []byte, r *ent.Room) []byte { return appendString(to, r.Slug) },
			"name":        func(to []byte, r *ent.Room) []byte { return appendString(to, r.Name) },
			"accessLevel": func(to []byte, r *ent.Room) []byte { return appendString(to, string(r.AccessLevel)) },
			"createdAt":   func(to []byte, r *ent.Room) []byte { return appendTime(to, r.CreatedAt) },
			"updatedAt":   func(to []byte, r *ent.Room) []byte { return appendTime(to, r.UpdatedAt) },
		},
	}
	plainLobbyEntry = plainType[live.Entry]{
		name: "LobbyEntry", satisfies: []string{"LobbyEntry"},
		fields: map[string]func(to []byte, e *live.Entry) []byte{
			"id":          func(to []byte, e *live.Entry) []byte { return appendID(to, e.ID) },
			"displayName": func(to []byte, e *live.Entry) []byte { return appendString(to, e.DisplayName) },
			"color":       func(to []byte, e *live.Entry) []byte { return appendString(to, e.Color) },
			"status":      func(to []byte, e *live.Entry) []byte { return appendString(to, string(e.Status)) },
			"since":       func(to []byte, e *live.Entry) []byte { return appendTime(to, e.Since) },
			"isAuthenticated": func(to []byte, e *live.Entry) []byte {
				if e.IsAuthenticated() {
					return append(to, "true"...)
				}
				return append(to, "false"...)
			},
		},
	}
)

// InterceptField writes what a resolver returns, if it is plain.
func (plainly) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	result, err := next(ctx)
	if err != nil {
		return result, err
	}
	switch of := result.(type) {
	case *ent.Room:
		if selected, ok := plainRoom.selected(ctx); ok && of != nil {
			return written(selected.append(nil, of)), nil
		}
	case []*live.Entry:
		if selected, ok := plainLobbyEntry.selected(ctx); ok {
			return written(selected.appendList(nil, of)), nil
		}
	}
	return result, nil
}

// plainType is an object type of the schema. Its fields are those that a T holds itself: none of them can fail, and
// none is null.
type plainType[T any] struct {
	name string
	// satisfies are the names of the type and its interfaces, for fragments.
	satisfies []string
	fields    map[string]func(to []byte, of *T) []byte
}

// selected returns the selected fields of a context's field; false when gqlgen has to write them.
func (p *plainType[T]) selected(ctx context.Context) (plainSelection[T], bool) {
	field := graphql.GetFieldContext(ctx).Field
	if field.Definition.Type.Name() != p.name { // other types are a T too
		return nil, false
	}
	collected := graphql.CollectFields(
		graphql.GetOperationContext(ctx), field.Selections, p.satisfies)
	selection := make(plainSelection[T], len(collected))
	for i, f := range collected {
		write := p.writer(f.Name)
		if write == nil || len(f.Deferrables) > 0 {
			return nil, false
		}
		selection[i].key, selection[i].write = f.Alias, write
	}
	return selection, true
}

// writer returns the function that writes a field; nil when the field is not plain.
func (p *plainType[T]) writer(field string) func(to []byte, of *T) []byte {
	if field == "__typename" {
		return func(to []byte, _ *T) []byte { return appendString(to, p.name) }
	}
	return p.fields[field]
}

// plainSelection are the selected fields of a T, in the order of the response.
type plainSelection[T any] []struct {
	key   string // of letters, digits and underscores
	write func(to []byte, of *T) []byte
}

func (s plainSelection[T]) append(to []byte, of *T) []byte {
	to = append(to, '{')
	for i, field := range s {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(append(to, '"'), field.key...), `":`...)
		to = field.write(to, of)
	}
	return append(to, '}')
}

// plainBytes is about how many bytes a field has in a response.
const plainBytes = 48

func (s plainSelection[T]) appendList(to []byte, all []*T) []byte {
	to = slices.Grow(to, 2+len(all)*len(s)*plainBytes)
	to = append(to, '[')
	for i, of := range all {
		if i > 0 {
			to = append(to, ',')
		}
		to = s.append(to, of)
	}
	return append(to, ']')
}

// written is JSON that needs no encoding.
type written []byte

// MarshalGQL is for gqlgen.
func (w written) MarshalGQL(to io.Writer) { _, _ = to.Write(w) }

func appendID(to []byte, id uuid.UUID) []byte {
	to = append(hex.AppendEncode(append(to, '"'), id[:4]), '-')
	to = append(hex.AppendEncode(to, id[4:6]), '-')
	to = append(hex.AppendEncode(to, id[6:8]), '-')
	to = append(hex.AppendEncode(to, id[8:10]), '-')
	return append(hex.AppendEncode(to, id[10:]), '"')
}

func appendTime(to []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(to, '"'), time.RFC3339Nano), '"')
}

// appendString writes a string as gqlgen does.
func appendString(to []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	to = append(to, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\n':
			to = append(to, `\n`...)
		case c == '\r':
			to = append(to, `\r`...)
		case c == '\t':
			to = append(to, `\t`...)
		case c < ' ':
			to = append(to, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}
