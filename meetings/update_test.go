package meetings_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

func (w *world) update(p pass, in meetings.UpdateInput) (*livekit.Participant, error) {
	in.RoomID, in.ParticipantID = w.Room.ID, livekit.IdentityOf(p.id)
	return w.Update(w.Host(), in)
}

func (w *world) updated(p pass, in meetings.UpdateInput) *livekit.Participant {
	w.T.Helper()
	after, err := w.update(p, in)
	require.NoError(w.T, err)
	return after
}

// TestUpdateResetsNothingThatItDoesNotMention: LiveKit replaces a permission as a whole.
func TestUpdateResetsNothingThatItDoesNotMention(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	everything := w.livekit.DefaultSources()
	was := anna.isThere()
	steps := []struct {
		in    meetings.UpdateInput
		name  string
		may   livekit.Permission
		extra map[string]string
	}{
		{
			meetings.UpdateInput{Permission: &meetings.PermissionInput{DataAllowed: new(false)}},
			"Anna", livekit.Permission{Subscribe: true, Sources: everything}, nil,
		},
		{
			meetings.UpdateInput{Name: new("Anna B.")},
			"Anna B.", livekit.Permission{Subscribe: true, Sources: everything}, nil,
		},
		{
			meetings.UpdateInput{Attributes: []meetings.AttributeInput{{"pronouns", "she"}, {"table", "7"}}},
			"Anna B.", livekit.Permission{Subscribe: true, Sources: everything},
			map[string]string{"pronouns": "she", "table": "7"},
		},
		{
			meetings.UpdateInput{Permission: &meetings.PermissionInput{
				PublishSources: []schema.PublishSource{schema.Camera},
			}},
			"Anna B.", livekit.Permission{Subscribe: true, Sources: []string{"camera"}},
			map[string]string{"pronouns": "she", "table": "7"},
		},
		{
			meetings.UpdateInput{
				Permission: &meetings.PermissionInput{CanSubscribe: new(false)},
				Attributes: []meetings.AttributeInput{{"pronouns", ""}},
			},
			"Anna B.", livekit.Permission{Sources: []string{"camera"}}, map[string]string{"table": "7"},
		},
		{
			meetings.UpdateInput{Permission: &meetings.PermissionInput{
				PublishSources: []schema.PublishSource{}, DataAllowed: new(true), CanSubscribe: new(true),
			}},
			"Anna B.", livekit.Permission{Subscribe: true, Data: true}, map[string]string{"table": "7"},
		},
	}
	for i, step := range steps {
		said, stands := w.updated(anna.pass, step.in), anna.isThere()
		for who, p := range map[string]*livekit.Participant{"said": said, "stored": stands} {
			assert.Equal(t, step.name, p.Name, "%d %s", i, who)
			assert.True(t, step.may.Equal(p.Permission), "%d %s %+v", i, who, p.Permission)
			wanted := map[string]string{}
			for _, from := range []map[string]string{was.Attributes, step.extra} {
				for name, value := range from {
					if value != "" { // LiveKit does not keep empty ones
						wanted[name] = value
					}
				}
			}
			assert.Equal(t, wanted, filled(p.Attributes), "%d %s", i, who)
		}
	}
}

func filled(attributes map[string]string) map[string]string {
	full := map[string]string{}
	for name, value := range attributes {
		if value != "" {
			full[name] = value
		}
	}
	return full
}

// TestDecisionOnAParticipantOutlivesTheirConnection: with the old token, and with a new one.
func TestDecisionOnAParticipantOutlivesTheirConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	user := w.User("Anna")
	old := w.admitted(env.As(user), "Anna")
	anna := w.counted(old)
	w.updated(old, meetings.UpdateInput{Name: new("Anna B."), Permission: &meetings.PermissionInput{
		PublishSources: []schema.PublishSource{schema.Microphone}, DataAllowed: new(false),
		CanSubscribe: new(false),
	}})
	decided := livekit.Permission{Sources: []string{"microphone"}}
	for _, back := range []pass{old, w.withTicket(env.As(user), old.ticket), w.admitted(env.As(user), "Anna")} {
		anna.room.Disconnect()
		env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
		anna = w.counted(back)
		p := anna.isThere()
		assert.Equal(t, "Anna B.", p.Name)
		assert.True(t, decided.Equal(p.Permission), "%+v", p.Permission)
		host, err := w.lobby.TicketHolder(env.Guest(), w.Room, back.ticket)
		require.NoError(t, err)
		assert.True(t, host.Renamed)
	}
	_, err := w.End(w.Host(), w.Room.ID)
	require.NoError(t, err)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	p := w.counted(w.admitted(env.As(user), "Anna")).isThere()
	assert.Equal(t, "Anna", p.Name, "it held for that meeting")
	assert.True(t, p.Permission.Data)
}

func TestUpdateRefusesWhatHostsMayNotSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	_, err := w.RaiseHand(env.Guest(), meetings.RaiseHandInput{
		RoomID: w.Room.ID, Ticket: anna.ticket, Raised: true,
	})
	require.NoError(t, err)
	before := anna.isThere()
	set := func(name, value string) meetings.UpdateInput {
		return meetings.UpdateInput{Attributes: []meetings.AttributeInput{{name, value}}}
	}
	many := meetings.UpdateInput{Attributes: make([]meetings.AttributeInput, 17)}
	for i := range many.Attributes {
		many.Attributes[i] = meetings.AttributeInput{Name: "a" + strings.Repeat("b", i), Value: "c"}
	}
	for name, in := range map[string]meetings.UpdateInput{
		"nothing":              {},
		"no attributes":        {Attributes: []meetings.AttributeInput{}},
		"color":                set("color", "red"),
		"no color":             set("color", ""),
		"role":                 set("room_role", "owner"),
		"no role":              set("room_role", ""),
		"is_authenticated":     set("is_authenticated", "true"),
		"hand":                 set("hand_raised_at", "2026-01-01T00:00:00Z"),
		"LiveKit's":            set("lk.agent.state", "x"),
		"one of two":           {Attributes: []meetings.AttributeInput{{"fine", "x"}, {"color", "red"}}},
		"empty attribute":      set("", "x"),
		"digit first":          set("1a", "x"),
		"space":                set("a b", "x"),
		"newline":              set("a\n", "x"),
		"umlaut":               set("größe", "x"),
		"long attribute":       set(strings.Repeat("a", 65), "x"),
		"long value":           set("a", strings.Repeat("x", 1025)),
		"many attributes":      many,
		"empty name":           {Name: new("")},
		"blank name":           {Name: new(" \t")},
		"long name":            {Name: new(strings.Repeat("x", 101))},
		"control in name":      {Name: new("a\x00b")},
		"direction override":   {Name: new("a\u202eb")},
		"invalid UTF-8 name":   {Name: new("a\xff")},
		"good name, bad other": {Name: new("Anna B."), Attributes: set("color", "x").Attributes},
	} {
		_, err := w.update(anna.pass, in)
		require.Error(t, err, name)
		assert.Equal(t, fault.Invalid, fault.Of(err).Kind, name)
	}
	assert.Equal(t, before.Name, anna.isThere().Name)
	assert.Equal(t, before.Attributes, anna.isThere().Attributes)
	w.updated(anna.pass, set("hand_raised_at", ""))
	assert.Nil(t, anna.isThere().HandRaisedAt(), "a host may lower a hand")
	w.updated(anna.pass, set(strings.Repeat("a", 64), strings.Repeat("x", 1024)))
}

// TestHostsActOnPeopleBelowTheirRank is the table of who may do what to whom.
func TestHostsActOnPeopleBelowTheirRank(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	roles := map[string]roomaccess.Role{
		"owner": roomaccess.RoleOWNER, "admin": roomaccess.RoleADMINISTRATOR,
		"member": roomaccess.RoleMEMBER,
	}
	person := func(kind string) (ctx, *ent.User) {
		switch kind {
		case "nobody":
			return env.Guest(), nil
		case "guest":
			u := w.User("Guest")
			return env.As(u), u
		}
		u := w.NewMember(kind, roles[kind])
		return env.As(u), u
	}
	enter := func(ctx context.Context, kind string) pass {
		if kind == "guest" {
			return w.admitted(ctx, "Guest")
		}
		return w.token(ctx, kind)
	}
	may := map[string][]string{"owner": {"admin", "member", "guest"}, "admin": {"member", "guest"}}
	operations := map[string]func(ctx, pass) error{
		"remove": func(c ctx, p pass) error {
			_, err := w.Remove(c, meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id)})
			return err
		},
		"ban": func(c ctx, p pass) error {
			_, err := w.Remove(c, meetings.RemoveInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id), Ban: new(rooms.Forever),
			})
			return err
		},
		"update": func(c ctx, p pass) error {
			_, err := w.Update(c, meetings.UpdateInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id), Name: new("X"),
			})
			if fault.Is(err, fault.NotFound) { // they could be changed if they were connected
				err = nil
			}
			return err
		},
		"return": func(c ctx, p pass) error {
			_, err := w.ReturnToLobby(c, meetings.ParticipantInput{RoomID: w.Room.ID,
				ParticipantID: livekit.IdentityOf(p.id)})
			return err
		},
		"setRole": func(c ctx, p pass) error {
			_, err := w.SetRole(c, meetings.SetRoleInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id), Role: roomaccess.RoleMEMBER,
			})
			return err
		},
	}
	for operation, act := range operations {
		for _, actor := range []string{"owner", "admin", "member", "guest", "nobody"} {
			for _, whom := range []string{"owner", "admin", "member", "guest", "self"} {
				ctx, _ := person(actor)
				var p pass
				switch {
				case whom != "self":
					hisCtx, _ := person(whom)
					p = enter(hisCtx, whom)
				case actor == "nobody":
					continue
				default:
					p = enter(ctx, actor)
				}
				err, name := act(ctx, p), operation+": "+actor+" on "+whom
				switch {
				case actor == "nobody":
					assert.True(t, fault.Is(err, fault.Unauthenticated), "%s: %v", name, err)
				case operation == "return" && actor == "owner" && whom == "admin":
					assert.True(t, fault.Is(err, fault.Conflict), "%s: hosts do not wait: %v", name, err)
				case strings.Contains(strings.Join(may[actor], " "), whom):
					assert.NoError(t, err, name)
				default:
					assert.True(t, fault.Is(err, fault.Forbidden), "%s: %v", name, err)
				}
			}
		}
	}
}
