package env

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// World is what tests of the rules share: a database, users, rooms and, where a test needs it, Redis. Everything in
// it ends with the test.
type World struct {
	T      testing.TB
	DB     *ent.Client
	Redis  redis.UniversalClient
	Prefix string // of its keys in Redis
	People *accounts.Service
	Rooms  *rooms.Editor
	Owner  *ent.User // of Room
	Room   *ent.Room
}

// Setup says what a World is made of.
type Setup struct {
	DB      *ent.Client // an SQLite database if nil
	Redis   redis.UniversalClient
	Prefix  string
	Limiter *ratelimit.Limiter // nothing is limited if nil
	People  accounts.Settings
	Rooms   rooms.Settings // rooms are RESTRICTED if it names no access level
}

// NewWorld makes a World with a room of "Olga Owner".
func NewWorld(t testing.TB, s Setup) *World {
	t.Helper()
	w := EmptyWorld(t, s)
	w.Owner = w.User("Olga Owner")
	w.Room = w.NewRoom(w.Owner, "Room")
	return w
}

// EmptyWorld makes a World without users and rooms.
func EmptyWorld(t testing.TB, s Setup) *World {
	t.Helper()
	w := &World{T: t, DB: s.DB, Redis: s.Redis, Prefix: s.Prefix}
	if w.DB == nil {
		w.DB = SQLite(t)
	}
	if s.Rooms.DefaultAccessLevel == "" {
		s.Rooms.DefaultAccessLevel = room.AccessLevelRESTRICTED
	}
	w.People = accounts.New(w.DB, s.Limiter, s.People)
	w.Rooms = rooms.NewEditor(rooms.New(w.DB, w.People, s.Limiter, s.Rooms))
	return w
}

// User makes an account.
func (w *World) User(name string) *ent.User {
	w.T.Helper()
	return w.UserLike(auth.Identity{Email: uuid.NewString() + "@example.org", EmailVerified: true, FullName: name})
}

// UserLike makes an account with a subject of its own.
func (w *World) UserLike(who auth.Identity) *ent.User {
	w.T.Helper()
	who.Subject = uuid.NewString()
	u, err := w.People.SignIn(context.Background(), who)
	require.NoError(w.T, err)
	return u
}

// NewRoom makes a room of an owner.
func (w *World) NewRoom(owner *ent.User, name string) *ent.Room {
	w.T.Helper()
	r, err := w.Rooms.Create(As(owner), rooms.CreateInput{Name: name})
	require.NoError(w.T, err)
	return r
}

// Give gives a user a role in a room.
func (w *World) Give(r *ent.Room, u *ent.User, role roomaccess.Role) {
	w.T.Helper()
	w.DB.RoomAccess.Create().SetRoom(r).SetUser(u).SetRole(role).ExecX(context.Background())
}

// Member makes a user with a role in a room.
func (w *World) Member(r *ent.Room, role roomaccess.Role) *ent.User {
	w.T.Helper()
	u := w.User(string(role))
	w.Give(r, u, role)
	return u
}

// NewMember makes a user to whom the owner grants a role in the room.
func (w *World) NewMember(name string, role roomaccess.Role) *ent.User {
	w.T.Helper()
	u := w.User(name)
	_, err := w.Rooms.Grant(w.Host(), rooms.GrantInput{RoomID: w.Room.ID, UserID: &u.ID, Role: role})
	require.NoError(w.T, err)
	return u
}

// In is the same world with another room.
func (w *World) In(r *ent.Room) *World {
	another := *w
	another.Room = r
	return &another
}

// Host is the context of the owner.
func (w *World) Host() context.Context { return As(w.Owner) }

// As is the context of a user, or of a guest if the user is nil.
func As(u *ent.User) context.Context {
	if u == nil {
		return context.Background()
	}
	return auth.NewContext(context.Background(), auth.Viewer{UserID: u.ID})
}

// Guest is the context of a guest.
func Guest() context.Context { return context.Background() }

// Gone is the context of a user whose account has been deleted.
func Gone() context.Context {
	return auth.NewContext(context.Background(), auth.Viewer{UserID: uuid.New()})
}

// Run runs a long part of a server until the returned function is called or the test ends.
func Run(t testing.TB, part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); assert.NoError(t, <-done) })
	t.Cleanup(stop)
	return stop
}

// RequireFault is AssertFault that ends the test.
func RequireFault(t testing.TB, kind fault.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.Of(err).Kind, "%v", err)
}

// AssertFault checks the kind of an error, and returns it.
func AssertFault(t testing.TB, kind fault.Kind, err error) *fault.Error {
	t.Helper()
	if !assert.Error(t, err) {
		return &fault.Error{}
	}
	assert.Equal(t, kind, fault.Of(err).Kind, "%v", err)
	return fault.Of(err)
}
