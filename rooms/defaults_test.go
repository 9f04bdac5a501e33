package rooms_test

import (
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/schema"
	"foyer/rooms"
	"foyer/test/env"
)

func (w *world) prefer(t *testing.T, u *ent.User, p accounts.Preferences) *ent.User {
	t.Helper()
	updated, err := w.People.Prefer(env.As(u), p)
	require.NoError(t, err)
	return updated
}

func TestNewRoomTakesTheCreatorsDefaults(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		u := w.User("Ada")
		configuration := sources(schema.Microphone)
		configuration.EveryoneCanMute = new(false)
		u = w.prefer(t, u, accounts.Preferences{
			DefaultAccessLevel:   graphql.OmittableOf(new(room.AccessLevelTRUSTED)),
			DefaultConfiguration: graphql.OmittableOf(configuration),
		})
		// The second change adds to the first.
		u = w.prefer(t, u, accounts.Preferences{
			DefaultConfiguration: graphql.OmittableOf(&ent.ConfigurationInput{DataAllowed: new(false)}),
		})
		made := w.NewRoom(u, "As preferred")
		effective := rooms.DefaultConfiguration(u)
		for _, r := range []*ent.Room{effective, w.DB.Room.GetX(t.Context(), made.ID)} {
			assert.Equal(t, []schema.PublishSource{schema.Microphone}, r.PublishSources)
			assert.False(t, r.EveryoneCanMute)
			assert.False(t, r.DataAllowed)
		}
		assert.Equal(t, room.AccessLevelTRUSTED, made.AccessLevel)

		level := room.AccessLevelPUBLIC
		other := &ent.ConfigurationInput{
			PublishSources:  graphql.OmittableOf[[]schema.PublishSource](nil),
			EveryoneCanMute: new(true),
		}
		made, err := w.Create(env.As(u), rooms.CreateInput{
			Name: "Otherwise", AccessLevel: &level, Configuration: other,
		})
		require.NoError(t, err)
		stored := w.DB.Room.GetX(t.Context(), made.ID)
		assert.Equal(t, room.AccessLevelPUBLIC, stored.AccessLevel)
		assert.Nil(t, stored.PublishSources)
		assert.True(t, stored.EveryoneCanMute)
		assert.False(t, stored.DataAllowed, "as preferred")

		u = w.prefer(t, u, accounts.Preferences{
			DefaultAccessLevel:   graphql.OmittableOf[*room.AccessLevel](nil),
			DefaultConfiguration: graphql.OmittableOf[*ent.ConfigurationInput](nil),
		})
		stored = w.DB.Room.GetX(t.Context(), w.NewRoom(u, "As everybody's").ID)
		assert.Equal(t, usual.DefaultAccessLevel, stored.AccessLevel)
		assert.Nil(t, stored.PublishSources)
		assert.True(t, stored.EveryoneCanMute)
		assert.True(t, stored.DataAllowed)
	})
}
