package meetings_test

import (
	"strings"
	"testing"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/test/env"
)

func (w *world) raise(ticket string, raised bool) error {
	_, err := w.RaiseHand(env.Guest(), meetings.RaiseHandInput{RoomID: w.Room.ID, Ticket: ticket, Raised: raised})
	return err
}

func (w *world) rename(ticket, name string) error {
	_, err := w.Rename(env.Guest(), meetings.RenameInput{RoomID: w.Room.ID, Ticket: ticket, DisplayName: name})
	return err
}

// TestNobodyForgesWhatOthersSeeOfThem: by their own connection to LiveKit: neither a guest nor a host.
func TestNobodyForgesWhatOthersSeeOfThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for _, p := range []pass{w.admitted(env.Guest(), "Anna"), w.token(w.Host(), "Olga")} {
		c := w.counted(p)
		before := c.isThere()
		me := c.room.LocalParticipant
		me.SetName("The Boss")
		me.SetMetadata("forged")
		me.SetAttributes(map[string]string{livekit.AttributeRole: "owner", livekit.AttributeHand: "now", "x": "y"})
		c.publish(livekitproto.TrackSource_MICROPHONE) // LiveKit has read all that was said before
		after := c.isThere()
		assert.Equal(t, before.Name, after.Name)
		assert.Equal(t, before.Attributes, after.Attributes)
	}
}

func TestHandIsRaisedAndLowered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna, bob := w.counted(w.admitted(env.Guest(), "Anna")), w.counted(w.admitted(env.Guest(), "Bob"))
	require.NoError(t, w.raise(anna.ticket, true))
	since := anna.isThere().HandRaisedAt()
	require.NotNil(t, since)
	assert.Nil(t, bob.isThere().HandRaisedAt())
	require.NoError(t, w.raise(anna.ticket, true))
	assert.Equal(t, since, anna.isThere().HandRaisedAt(), "it has been up since then")
	require.NoError(t, w.raise(anna.ticket, false))
	assert.Nil(t, anna.isThere().HandRaisedAt())
	assert.NotEmpty(t, anna.isThere().Attributes[livekit.AttributeColor], "the rest stays")
}

func TestOnlyATicketHolderInsideActsForThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna, removed := w.counted(w.admitted(env.Guest(), "Anna")), w.counted(w.admitted(env.Guest(), "Removed"))
	w.remove(removed.pass)
	removed.isRemoved()
	elsewhere := w.inNewRoom().admitted(env.Guest(), "Anna")
	for name, c := range map[string]struct {
		ticket string
		kind   fault.Kind
	}{
		"nothing":          {"", fault.Invalid},
		"garbage":          {"garbage", fault.Invalid},
		"an identity":      {anna.id.String(), fault.Invalid},
		"cut":              {anna.ticket[:len(anna.ticket)-1], fault.Invalid},
		"large":            {strings.Repeat("A", 1<<20), fault.Invalid},
		"another room's":   {elsewhere.ticket, fault.Invalid},
		"of who waits":     {w.knock(env.Guest(), "Waits").Ticket, fault.Forbidden},
		"of who is not in": {w.admitted(env.Guest(), "Out").ticket, fault.Forbidden},
		"of who was":       {removed.ticket, fault.Forbidden},
	} {
		for what, err := range map[string]error{
			"hand": w.raise(c.ticket, true), "name": w.rename(c.ticket, "Forged"),
		} {
			require.Error(t, err, "%s: %s", name, what)
			assert.Equal(t, c.kind, fault.Of(err).Kind, "%s: %s", name, what)
		}
	}
	assert.Equal(t, "Anna", anna.isThere().Name)
	assert.Nil(t, anna.isThere().HandRaisedAt())
	env.RequireFault(t, fault.Invalid, w.inNewRoom().raise(anna.ticket, true))
}

func TestPeopleRenameThemselvesWhereNamesAreFree(t *testing.T) {
	t.Parallel()
	for _, fixed := range []bool{false, true} {
		w := newWorld(t, options{fixedNames: fixed})
		user := w.counted(w.token(env.As(w.NewMember("Mia Member", roomaccess.RoleMEMBER)), "Mia"))
		anna := w.counted(w.admitted(env.Guest(), "Anna"))
		before := user.isThere().Name
		if err := w.rename(user.ticket, "Someone else"); fixed {
			env.RequireFault(t, fault.Forbidden, err)
			assert.Equal(t, before, user.isThere().Name)
		} else {
			require.NoError(t, err)
			assert.Equal(t, "Someone else", user.isThere().Name)
		}
		require.NoError(t, w.rename(anna.ticket, "  Änne 🦊 "))
		assert.Equal(t, "Änne 🦊", anna.isThere().Name)
		assert.True(t, anna.isThere().Permission.Data, "the rest stays")
		for _, name := range []string{"", " ", strings.Repeat("x", 101), "a\nb", "a\u202eb", "a\xff"} {
			env.RequireFault(t, fault.Invalid, w.rename(anna.ticket, name))
		}
		w.updated(anna.pass, meetings.UpdateInput{Name: new("Anna Ernst")})
		env.RequireFault(t, fault.Forbidden, w.rename(anna.ticket, "Änne"))
		assert.Equal(t, "Anna Ernst", anna.isThere().Name, "a name that a host has given stays")
	}
}
