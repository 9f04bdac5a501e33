package meetings_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/lobby"
	"foyer/test/env"
)

// TestGuestEntersWithATokenWhoseAdmissionRedisHasLost: the guest got the token, and joins with it.
func TestGuestEntersWithATokenWhoseAdmissionRedisHasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	user := w.User("Ulla User")
	asked := map[string]*lobby.Request{"Anna": w.knock(env.Guest(), "Anna"), "Ulla": w.knock(env.As(user), "Ulla")}
	goBack := env.RememberRedis(t, w.Redis, w.Prefix)
	given := map[string]pass{}
	for name, request := range asked {
		e, err := w.lobby.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: request.Entry.ID})
		require.NoError(t, err)
		details, err := w.lobby.ConnectionDetails(env.Guest(), e)
		require.NoError(t, err)
		given[name] = pass{e.ID, request.Ticket, details}
	}
	goBack()
	for name, p := range given {
		assert.Equal(t, p.id, w.counted(p).id, name)
	}
	list, err := w.lobby.Get(w.Host(), w.Room.ID)
	require.NoError(t, err)
	assert.Empty(t, list.Entries)
	for _, p := range given {
		w.remove(p)
		w.isKeptOut(p)
	}
}

// TestGuestEntersWithATokenThatRedisHasLost: if the guest has an account, Foyer does not know which, so the
// guest needs a new token, which the ticket brings.
func TestGuestEntersWithATokenThatRedisHasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	goBack := env.RememberRedis(t, w.Redis, w.Prefix)
	user := w.User("Ulla User")
	anna, ulla := w.admitted(env.Guest(), "Anna"), w.admitted(env.As(user), "Ulla")
	goBack()
	w.counted(anna)
	w.isKeptOut(ulla)
	token, err := w.tryReturn(&person{pass: ulla})
	require.NoError(t, err)
	w.counted(pass{token.ParticipantID, token.Ticket, token.ConnectionDetails})
}

// TestComparisonBringsAnAdmissionBack: of a person who is inside, whose connection may break later.
func TestComparisonBringsAnAdmissionBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	asked := w.knock(env.Guest(), "Anna")
	goBack := env.RememberRedis(t, w.Redis, w.Prefix)
	e, err := w.lobby.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: asked.Entry.ID})
	require.NoError(t, err)
	details, err := w.lobby.ConnectionDetails(env.Guest(), e)
	require.NoError(t, err)
	anna := w.counted(pass{e.ID, asked.Ticket, details})
	goBack()
	w.runs()
	env.Eventually(w.T, func(t *assert.CollectT) {
		list, err := w.lobby.Get(w.Host(), w.Room.ID)
		if assert.NoError(t, err) {
			assert.Empty(t, list.Entries)
		}
		assert.Equal(t, 2, w.meeting().Inside)
	})
	anna.isThere()
}
