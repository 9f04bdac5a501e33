package rooms_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

// sources returns a configuration that allows the given sources alone.
func sources(list ...schema.PublishSource) *ent.ConfigurationInput {
	if list == nil {
		list = []schema.PublishSource{}
	}
	return &ent.ConfigurationInput{PublishSources: graphql.OmittableOf(list)}
}

func TestCreatorOfARoomBecomesItsOwner(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		made, err := w.Create(env.As(owner), rooms.CreateInput{Name: "  Weekly "})
		require.NoError(t, err)
		stored := w.DB.Room.GetX(t.Context(), made.ID)
		for _, r := range []*ent.Room{made, stored} {
			assert.Equal(t, "Weekly", r.Name)
			assert.Regexp(t, `^[a-z]{3}-[a-z]{4}-[a-z]{3}$`, r.Slug)
			assert.Equal(t, room.AccessLevelRESTRICTED, r.AccessLevel, "the server's default")
			assert.Nil(t, r.PublishSources, "the server's defaults, whatever they become")
			assert.True(t, r.EveryoneCanMute)
			assert.True(t, r.DataAllowed)
		}
		assert.Equal(t, uuid.Version(4), made.ID.Version())
		access := w.DB.RoomAccess.Query().OnlyX(t.Context())
		assert.Equal(t, made.ID, access.RoomID)
		assert.Equal(t, owner.ID, access.UserID)
		assert.Equal(t, roomaccess.RoleOWNER, access.Role)
	})
}

func TestRoomIsCreatedAsRequested(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		slug, level, configuration := "My Room!", room.AccessLevelPUBLIC, sources(schema.Microphone)
		configuration.EveryoneCanMute, configuration.DataAllowed = new(false), new(false)
		made, err := w.Create(env.As(w.User("Olga")), rooms.CreateInput{
			Name: "Room", Slug: &slug, AccessLevel: &level, Configuration: configuration,
		})
		require.NoError(t, err)
		stored := w.DB.Room.GetX(t.Context(), made.ID)
		for _, r := range []*ent.Room{made, stored} {
			assert.Equal(t, "my-room", r.Slug)
			assert.Equal(t, level, r.AccessLevel)
			assert.Equal(t, []schema.PublishSource{schema.Microphone}, r.PublishSources)
			assert.False(t, r.EveryoneCanMute)
			assert.False(t, r.DataAllowed)
		}
	})
}

func TestRoomNamesMayUseAnyScriptAndRepeat(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		for what, name := range env.GoodNames {
			made := w.NewRoom(owner, name)
			assert.Equal(t, name, w.DB.Room.GetX(t.Context(), made.ID).Name, what)
		}
		for _, letter := range []string{"a", "会", "🦊"} {
			longest := strings.Repeat(letter, 200)
			assert.Equal(t, longest, w.NewRoom(owner, longest).Name)
		}
		w.NewRoom(owner, "Twice")
		w.NewRoom(owner, "Twice")
	})
}

func TestOnlyUsersCreateRooms(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for _, ctx := range []context.Context{t.Context(), env.Gone()} {
			_, err := w.Create(ctx, rooms.CreateInput{Name: "Room"})
			env.AssertFault(t, fault.Unauthenticated, err)
		}
		assert.Equal(t, [2]int{0, 0}, w.counts(t))
	})
}

func TestRoomWithInvalidInputIsRefused(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		for _, name := range []string{"", " ", strings.Repeat("a", 201), "a\x00b", "\xff", "\u202e"} {
			_, err := w.Create(env.As(owner), rooms.CreateInput{Name: name})
			env.AssertBlames(t, err, "name", "")
		}
		for _, slug := range []string{"", "ab", "会议", strings.Repeat("a", 101), uuid.NewString()} {
			_, err := w.Create(env.As(owner), rooms.CreateInput{Name: "Room", Slug: &slug})
			env.AssertBlames(t, err, "slug", "")
		}
		assert.Equal(t, [2]int{0, 0}, w.counts(t))
	})
}

func TestTakenSlugIsAConflict(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		first, second := "my-room", "My Rôom!"
		_, err := w.Create(env.As(w.User("Olga")), rooms.CreateInput{Name: "1", Slug: &first})
		require.NoError(t, err)
		_, err = w.Create(env.As(w.User("Otto")), rooms.CreateInput{Name: "2", Slug: &second})
		env.AssertFault(t, fault.Conflict, err)
		assert.Equal(t, map[string]any{"field": "slug"}, fault.Of(err).Details)
		assert.Equal(t, "this slug is taken", fault.Of(err).Message)
		assert.Equal(t, [2]int{1, 1}, w.counts(t))
	})
}

func TestOneOfManyConcurrentRequestsGetsTheSlug(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner, slug := w.User("Olga"), "my-room"
		var won, lost atomic.Int32
		env.Concurrently(20, func(int) {
			_, err := w.Create(env.As(owner), rooms.CreateInput{Name: "Room", Slug: &slug})
			switch {
			case err == nil:
				won.Add(1)
			case fault.Is(err, fault.Conflict):
				lost.Add(1)
			default:
				assert.NoError(t, err)
			}
		})
		assert.EqualValues(t, 1, won.Load())
		assert.EqualValues(t, 19, lost.Load())
		assert.Equal(t, [2]int{1, 1}, w.counts(t))
	})
}

func TestRoomIsNotCreatedWithoutItsOwner(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		// The hook runs when the owner is stored, after the room itself.
		var happens func() error
		w.DB.RoomAccess.Use(func(next ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
				if err := happens(); err != nil {
					return nil, err
				}
				return next.Mutate(ctx, m)
			})
		})
		create := func() error {
			_, err := w.Create(env.As(owner), rooms.CreateInput{Name: "Room"})
			return err
		}

		happens = func() error { return errors.New("the disk is full") }
		env.AssertFault(t, fault.Internal, create())
		assert.Equal(t, [2]int{0, 0}, w.counts(t))

		happens = func() error { panic("a bug") }
		assert.Panics(t, func() { _ = create() })
		assert.Equal(t, [2]int{0, 0}, w.counts(t))

		happens = func() error { return nil }
		assert.NoError(t, create(), "what failed holds up nobody")
		assert.Equal(t, [2]int{1, 1}, w.counts(t))
	})
}

// change updates a room for its owner, and returns the stored room.
func (w *world) change(t *testing.T, owner *ent.User, in rooms.UpdateInput) *ent.Room {
	t.Helper()
	changed, err := w.Update(env.As(owner), in)
	require.NoError(t, err)
	stored := w.DB.Room.GetX(t.Context(), in.RoomID)
	assert.Equal(t, stored.Name, changed.Name)
	assert.Equal(t, stored.AccessLevel, changed.AccessLevel)
	assert.Equal(t, stored.PublishSources, changed.PublishSources)
	assert.Equal(t, stored.EveryoneCanMute, changed.EveryoneCanMute)
	assert.Equal(t, stored.DataAllowed, changed.DataAllowed)
	return stored
}

func TestFieldsThatAreNotNamedStay(t *testing.T) {
	t.Parallel()
	configure := func(f func(*ent.ConfigurationInput)) func(*rooms.UpdateInput) {
		return func(in *rooms.UpdateInput) {
			in.Configuration = &ent.ConfigurationInput{}
			f(in.Configuration)
		}
	}
	tests := []struct {
		name   string
		change func(*rooms.UpdateInput)
		want   func(*ent.Room)
	}{
		{"nothing", func(*rooms.UpdateInput) {}, func(*ent.Room) {}},
		{"an empty configuration", configure(func(*ent.ConfigurationInput) {}), func(*ent.Room) {}},
		{"the name", func(in *rooms.UpdateInput) { in.Name = new(" New ") },
			func(r *ent.Room) { r.Name = "New" }},
		{"who walks in",
			func(in *rooms.UpdateInput) { in.AccessLevel = new(room.AccessLevelTRUSTED) },
			func(r *ent.Room) { r.AccessLevel = room.AccessLevelTRUSTED }},
		{"who mutes", configure(func(c *ent.ConfigurationInput) { c.EveryoneCanMute = new(true) }),
			func(r *ent.Room) { r.EveryoneCanMute = true }},
		{"data", configure(func(c *ent.ConfigurationInput) { c.DataAllowed = new(true) }),
			func(r *ent.Room) { r.DataAllowed = true }},
		{"the sources", func(in *rooms.UpdateInput) { in.Configuration = sources(schema.Camera) },
			func(r *ent.Room) { r.PublishSources = []schema.PublishSource{schema.Camera} }},
	}
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		for _, test := range tests {
			for _, is := range []bool{false, true} {
				configuration := sources(schema.Microphone)
				configuration.EveryoneCanMute, configuration.DataAllowed = &is, &is
				made, err := w.Create(env.As(owner), rooms.CreateInput{
					Name: "Room", AccessLevel: new(room.AccessLevelPUBLIC), Configuration: configuration,
				})
				require.NoError(t, err)
				in, want := rooms.UpdateInput{RoomID: made.ID}, *w.DB.Room.GetX(t.Context(), made.ID)
				test.change(&in)
				test.want(&want)
				got := w.change(t, owner, in)
				assert.Equal(t, want.Name, got.Name, test.name)
				assert.Equal(t, want.Slug, got.Slug, test.name)
				assert.Equal(t, want.AccessLevel, got.AccessLevel, test.name)
				assert.Equal(t, want.PublishSources, got.PublishSources, test.name)
				assert.Equal(t, want.EveryoneCanMute, got.EveryoneCanMute, test.name)
				assert.Equal(t, want.DataAllowed, got.DataAllowed, test.name)
				assert.True(t, want.CreatedAt.Equal(got.CreatedAt), test.name)
			}
		}
	})
}

func TestPublishSourcesAreAListOrNoneOrTheDefaults(t *testing.T) {
	t.Parallel()
	const camera, microphone, screen = schema.Camera, schema.Microphone, schema.ScreenShare
	type list = []schema.PublishSource
	tests := []struct {
		name     string
		sources  *ent.ConfigurationInput
		want     list
		defaults bool
	}{
		{"some", sources(microphone, camera), list{camera, microphone}, false},
		{"not named", &ent.ConfigurationInput{}, list{camera, microphone}, false},
		{"some of them twice", sources(screen, camera, screen, camera), list{camera, screen}, false},
		{"none", sources(), list{}, false},
		{"not named, where there are none", nil, list{}, false},
		{"null",
			&ent.ConfigurationInput{PublishSources: graphql.OmittableOf(list(nil))}, nil, true},
		{"not named, where they are the defaults", &ent.ConfigurationInput{}, nil, true},
	}
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "Room")
		for _, test := range tests { // one after another, on the same room
			got := w.change(t, owner, rooms.UpdateInput{RoomID: r.ID, Configuration: test.sources})
			assert.Equal(t, test.want, got.PublishSources, test.name)
			assert.Equal(t, test.defaults, got.PublishSources == nil, test.name)
		}
	})
}

func TestRoomCreatedWithNullSourcesHasTheDefaults(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		made, err := w.Create(env.As(w.User("Olga")), rooms.CreateInput{
			Name: "Room", Configuration: &ent.ConfigurationInput{
				PublishSources: graphql.OmittableOf([]schema.PublishSource(nil)),
			},
		})
		require.NoError(t, err)
		assert.Nil(t, w.DB.Room.GetX(t.Context(), made.ID).PublishSources)
	})
}

func TestConcurrentChangesOfDifferentFieldsAllStay(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "Room")
		second := w.Member(r, roomaccess.RoleADMINISTRATOR)
		changes := []rooms.UpdateInput{
			{Name: new("New")},
			{AccessLevel: new(room.AccessLevelPUBLIC)},
			{Configuration: &ent.ConfigurationInput{EveryoneCanMute: new(false)}},
			{Configuration: &ent.ConfigurationInput{DataAllowed: new(false)}},
			{Configuration: sources(schema.Camera)},
		}
		env.Concurrently(len(changes), func(i int) {
			in, host := changes[i], []*ent.User{owner, second}[i%2]
			in.RoomID = r.ID
			_, err := w.Update(env.As(host), in)
			assert.NoError(t, err)
		})
		got := w.DB.Room.GetX(t.Context(), r.ID)
		assert.Equal(t, "New", got.Name)
		assert.Equal(t, room.AccessLevelPUBLIC, got.AccessLevel)
		assert.False(t, got.EveryoneCanMute)
		assert.False(t, got.DataAllowed)
		assert.Equal(t, []schema.PublishSource{schema.Camera}, got.PublishSources)
	})
}

func TestInvalidChangeChangesNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "Room")
		_, err := w.Update(env.As(owner), rooms.UpdateInput{
			RoomID: r.ID, Name: new("\x00"), AccessLevel: new(room.AccessLevelPUBLIC),
		})
		env.AssertBlames(t, err, "name", "")
		got := w.DB.Room.GetX(t.Context(), r.ID)
		assert.Equal(t, "Room", got.Name)
		assert.Equal(t, room.AccessLevelRESTRICTED, got.AccessLevel)
	})
}

func TestDeletingARoomDeletesItsRolesOnly(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r, other := w.NewRoom(owner, "Room"), w.NewRoom(owner, "Other")
		w.Member(r, roomaccess.RoleADMINISTRATOR)
		w.Member(r, roomaccess.RoleMEMBER)
		was, err := w.Delete(env.As(owner), r.ID)
		require.NoError(t, err)
		assert.Equal(t, r.ID, was.ID)
		assert.Equal(t, "Room", was.Name)
		assert.Equal(t, [2]int{1, 1}, w.counts(t))
		_, err = w.ByID(t.Context(), other.ID)
		assert.NoError(t, err)
		_, err = w.ByID(t.Context(), r.ID)
		env.AssertFault(t, fault.NotFound, err)
		_, err = w.Delete(env.As(owner), r.ID)
		env.AssertFault(t, fault.NotFound, err)
		_, err = w.Update(env.As(owner), rooms.UpdateInput{RoomID: r.ID})
		env.AssertFault(t, fault.NotFound, err)
	})
}
