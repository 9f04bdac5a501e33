package graph

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/graph/generated"
	"foyer/internal/live"
)

// sample resolves one room and its lobby, and nothing else.
type sample struct {
	generated.ResolverRoot

	room  *ent.Room
	lobby *live.Lobby
	// fail has functions that the resolvers of fields call first.
	fail map[string]func() error
}

func (h sample) failure(field string) error {
	if fail := h.fail[field]; fail != nil {
		return fail()
	}
	return nil
}

func (h sample) Query() generated.QueryResolver { return sampleQuery{nil, h} }
func (h sample) Room() generated.RoomResolver   { return sampleRoom{nil, h} }

type sampleQuery struct {
	generated.QueryResolver
	sample
}

func (h sampleQuery) Room(_ context.Context, id *uuid.UUID, slug *string) (*ent.Room, error) {
	if err := h.failure("room"); err != nil || h.room == nil {
		return nil, err
	}
	if room := *h.room; id != nil && slug != nil {
		room.ID, room.Slug = *id, *slug
		return &room, nil
	}
	return h.room, nil
}

func (h sampleQuery) Node(context.Context, uuid.UUID) (ent.Noder, error) { return h.room, nil }

type sampleRoom struct {
	generated.RoomResolver
	sample
}

func (h sampleRoom) Lobby(context.Context, *ent.Room) (*live.Lobby, error) {
	return h.lobby, h.failure("lobby")
}
func (h sampleRoom) Locked(context.Context, *ent.Room) (bool, error) { return true, nil }
func (h sampleRoom) Configuration(context.Context, *ent.Room) (*ent.Room, error) {
	return h.room, nil
}

// gqlgen answers as gqlgen does, ours as we do.
func (h sample) gqlgen() *handler.Server { return h.server(h.schema()) }

func (h sample) ours() *handler.Server {
	s := h.server(direct{h.schema(), h})
	s.Use(plainly{})
	return s
}

func (h sample) schema() graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{Resolvers: h})
}

func (h sample) server(schema graphql.ExecutableSchema) *handler.Server {
	s := handler.New(schema)
	s.AddTransport(transport.GET{})
	s.SetQueryCache(newCache[*ast.QueryDocument]())
	s.SetErrorPresenter(presentError)
	s.SetRecoverFunc(recoverPanic)
	return s
}

func samples() map[string]sample {
	awkward := "Ada \"<&>\" \\ \u2028 \x00\x1f\t\r\n é 名 🙂 \xff"
	r := &ent.Room{
		ID: uuid.New(), Slug: "abc-defg-hij", Name: awkward, AccessLevel: room.AccessLevelTRUSTED,
		CreatedAt: time.Now(), UpdatedAt: time.Now().UTC().Truncate(time.Second),
	}
	entries := []*live.Entry{{
		ID: uuid.New(), DisplayName: awkward, Color: "hsl(1, 2%, 3%)", Status: live.Waiting, Since: time.Now(),
	}}
	for i := range 5 {
		entries = append(entries, &live.Entry{
			ID: uuid.New(), DisplayName: strconv.Itoa(i), Status: live.Denied, Since: time.UnixMilli(int64(i)),
			UserID: uuid.New(),
		})
	}
	return map[string]sample{
		"none":    {},
		"nobody":  {room: r, lobby: &live.Lobby{}},
		"one":     {room: r, lobby: &live.Lobby{Entries: entries[:1]}},
		"several": {room: r, lobby: &live.Lobby{Entries: entries}},
	}
}

// TestPlainWritersWriteWhatGqlgenWrites: byte for byte, for any selection.
func TestPlainWritersWriteWhatGqlgenWrites(t *testing.T) {
	t.Parallel()
	const entries = "entries { id displayName color status since isAuthenticated }"
	selections := []string{
		"room { id slug name accessLevel createdAt updatedAt }",
		"room { updatedAt id }",
		"room { __typename other: __typename a: id b: id id id }",
		"room { id locked }",
		"room { id configuration { __typename everyoneCanMute } }",
		"room { ... { id } ... on Node { id } ... on Room { name } ...some }",
		"room { id @skip(if: true) name @include(if: false) slug }",
		"room { id @skip(if: true) }",
		"room { ... @include(if: false) { id } slug ...some @skip(if: true) }",
		"room { id ... @defer { name } }",
		"room { lobby { " + entries + " totalCount } }",
		"room { lobby { " + entries + " again: entries { name: displayName ...guest __typename } } }",
		"room { lobby { entries { ... on LobbyEntry { id } ... @skip(if: true) { color } since } } }",
		"node(id: \"" + uuid.NewString() + "\") { id ... on Room { name } }",
		"a: room { id } b: room { slug lobby { entries { id } } }",
		"a: room { b: lobby { c: message version __typename d: totalCount } id }",
		"room { lobby { message } again: lobby { version } }",
	}
	fragments := map[string]string{
		"...some": " fragment some on Room { slug name }", "...guest": " fragment guest on LobbyEntry { id color }",
	}
	for name, h := range samples() {
		gqlgen, ours := h.gqlgen(), h.ours()
		for _, selection := range selections {
			query := "{ " + selection + " }"
			for spread, fragment := range fragments {
				if strings.Contains(selection, spread) {
					query += fragment
				}
			}
			want, got := get(gqlgen, query), get(ours, query)
			assert.True(t, strings.HasPrefix(want, `{"data":{`), "%s: %s: %s", name, query, want)
			assert.Equal(t, want, got, "%s: %s", name, query)
		}
	}
}

func get(h http.Handler, query string, variables ...string) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	values := r.URL.Query()
	values.Set("query", query)
	values["variables"] = variables
	r.URL.RawQuery = values.Encode()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

// TestPlainFieldsMatchTheSchema: every other field needs a resolver.
func TestPlainFieldsMatchTheSchema(t *testing.T) {
	t.Parallel()
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	check := func(name string, satisfies []string, plain func(field string) bool) {
		definition := schema.Types[name]
		assert.Equal(t, append([]string{name}, definition.Interfaces...), satisfies)
		for _, field := range definition.Fields {
			if plain(field.Name) {
				assert.True(t, field.Type.NonNull && field.Type.Elem == nil && len(field.Arguments) == 0, field.Name)
				assert.True(t, schema.Types[field.Type.Name()].Kind != ast.Object, field.Name)
			}
		}
	}
	check("Room", plainRoom.satisfies, func(field string) bool { return plainRoom.fields[field] != nil })
	check("LobbyEntry", plainLobbyEntry.satisfies, func(field string) bool {
		plain := plainLobbyEntry.fields[field] != nil
		assert.True(t, plain, field)
		return plain
	})
	for field := range plainRoom.fields {
		assert.True(t, slices.ContainsFunc(schema.Types["Room"].Fields, func(f *ast.FieldDefinition) bool {
			return f.Name == field
		}), field)
	}
}

func BenchmarkListOfFifty(b *testing.B) {
	h := samples()["several"]
	all := h.lobby.Entries
	for len(all) < 50 {
		all = append(all, all[1])
	}
	h.lobby = &live.Lobby{Entries: all[:50]}
	query := "{ room { lobby { entries { id displayName } } } }"
	for name, server := range map[string]http.Handler{"gqlgen": h.gqlgen(), "plain": h.ours()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !strings.Contains(get(server, query), "Ada") {
					b.Fatal("nobody is listed")
				}
			}
		})
	}
}
