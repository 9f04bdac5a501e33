package rooms_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/fault"
	"foyer/rooms"
)

func TestRecipientIsAPlainAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Ada@Example.ORG": "ada@example.org", " ada+x@example.org ": "ada+x@example.org",
		"zoë@exämple.org": "zoë@exämple.org", "o'hara@example.org": "o'hara@example.org",
		"<ada@example.org>": "ada@example.org", `"ada"@example.org`: "ada@example.org",
		"": "", "ada": "", "Ada <ada@example.org>": "", `"a b"@example.org`: "",
		`"a>b"@example.org`: "", `"a@b"@example.org`: "", "ada@[127.0.0.1]": "",
		"ada@example.org\r\nBcc: eve@example.net": "", "ada\u202e@example.org": "",
		"ada@example.org, bob@example.org": "", "ada\u2028x@example.org": "",
	} {
		got, err := rooms.CheckRecipient(given)
		assert.Equal(t, want, got, "%q", given)
		if want == "" {
			assertBlames(t, err, "email", "")
		}
	}
}

func TestInvitationsAreWrittenForHostsAllOrNone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.user(t, "Olga")
		r := w.room(t, owner, "Room")
		write := func(tx *ent.Tx, found *ent.Room) error {
			assert.Equal(t, r.ID, found.ID)
			return tx.Room.UpdateOne(found).SetName("written").Exec(t.Context())
		}
		for want, u := range map[fault.Kind]*ent.User{
			fault.Unauthenticated: nil, fault.Forbidden: w.give(t, r, roomaccess.RoleMEMBER),
		} {
			assertFault(t, want, w.WriteInvitations(as(t, u), r.ID, write))
		}
		failing := errors.New("no")
		err := w.WriteInvitations(as(t, owner), r.ID, func(tx *ent.Tx, found *ent.Room) error {
			return errors.Join(write(tx, found), failing)
		})
		require.ErrorIs(t, err, failing)
		assert.Equal(t, "Room", w.db.Room.GetX(t.Context(), r.ID).Name)

		administrator := w.give(t, r, roomaccess.RoleADMINISTRATOR)
		require.NoError(t, w.WriteInvitations(as(t, administrator), r.ID, write))
		assert.Equal(t, "written", w.db.Room.GetX(t.Context(), r.ID).Name)
	})
}
