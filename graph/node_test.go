package graph

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/test/env"
)

func TestNodeIsWhatTheViewerMaySee(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		people := accounts.New(db, nil, accounts.Settings{})
		of := rooms.New(db, people, nil, rooms.Settings{})
		r := &Resolver{
			Accounts: people, Rooms: of,
			Recordings: recordings.New(recordings.Dependencies{DB: db, Rooms: of}, recordings.Settings{}),
		}
		made := db.Room.Create().SetName("Room").SetSlug("a-room").SetAccessLevel(room.AccessLevelRESTRICTED).
			SaveX(t.Context())
		users := map[string]*ent.User{}
		accesses := map[string]*ent.RoomAccess{}
		viewers := map[string]context.Context{"nobody": t.Context()}
		for name, role := range map[string]roomaccess.Role{
			"owner": roomaccess.RoleOWNER, "administrator": roomaccess.RoleADMINISTRATOR,
			"member":   roomaccess.RoleMEMBER,
			"stranger": "", "shared with": "",
		} {
			u, err := people.SignIn(t.Context(), auth.Identity{Subject: uuid.NewString(), FullName: name})
			require.NoError(t, err)
			users[name], viewers[name] = u, auth.NewContext(t.Context(), auth.Viewer{UserID: u.ID})
			if role != "" {
				accesses[name] = db.RoomAccess.Create().SetRoom(made).SetUser(u).SetRole(role).SaveX(t.Context())
			}
		}
		viewers["application"] = auth.NewContext(t.Context(), auth.Viewer{
			UserID: users["owner"].ID, Application: uuid.New(), Scopes: auth.Scopes(),
		})
		rec := db.Recording.Create().SetRoom(made).SetStartedBy(users["owner"].ID).SetMode(recording.ModeSCREEN).
			SetOptions(schema.RecordingOptions{}).SetStatus(recording.StatusSAVED).SetEndedAt(time.Now()).
			SaveX(t.Context())
		db.RecordingAccess.Create().SetRecordingID(rec.ID).SetUser(users["shared with"]).ExecX(t.Context())

		for _, test := range []struct {
			name string
			id   uuid.UUID
			seen []string
		}{
			{"a room", made.ID, []string{
				"nobody", "owner", "administrator", "member", "stranger", "shared with", "application"}},
			{"a user", users["owner"].ID, []string{"owner", "application"}},
			{"another user", users["stranger"].ID, []string{"stranger"}},
			{"an access", accesses["member"].ID, []string{"owner", "administrator", "application"}},
			{"a recording", rec.ID, []string{"owner", "administrator", "shared with"}},
			{"nothing", uuid.New(), nil},
			{"no id", uuid.Nil, nil},
		} {
			for name, viewer := range viewers {
				node, err := r.Query().Node(viewer, test.id)
				if !slices.Contains(test.seen, name) {
					assert.True(t, fault.Is(err, fault.NotFound), "%s, by %s: %v", test.name, name, err)
					assert.EqualError(t, err, "there is nothing with this id that you may see")
					assert.Nil(t, node)
					continue
				}
				if assert.NoError(t, err, "%s, by %s", test.name, name) {
					assert.Equal(t, test.id, idOf(node), "%s, by %s", test.name, name)
				}
			}
		}
		gone := auth.Viewer{UserID: uuid.New()}
		_, err := r.Query().Node(auth.NewContext(t.Context(), gone), gone.UserID)
		assert.True(t, fault.Is(err, fault.Unauthenticated), "the viewer's account is gone: %v", err)
	})
}

// idOf is the id of a node of any type.
func idOf(node ent.Noder) uuid.UUID {
	switch node := node.(type) {
	case *ent.Room:
		return node.ID
	case *ent.User:
		return node.ID
	case *ent.RoomAccess:
		return node.ID
	case *ent.Recording:
		return node.ID
	default:
		return uuid.Nil
	}
}
