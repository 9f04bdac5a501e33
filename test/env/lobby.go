package env

import (
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/ratelimit"
	"foyer/lobby"
)

// Settings of servers in tests.
var (
	LiveSettings = live.Settings{
		Grace: time.Minute, Heartbeat: time.Second, DeniedFor: time.Minute, AdmittedFor: time.Hour,
	}
	LobbySettings = lobby.Settings{Secret: "a secret of at least 32 bytes, for tests", TicketTTL: time.Hour}
)

// NewLobby makes a server's lobby and its state in Redis. Each needs Run.
func (w *World) NewLobby(
	rdb redis.UniversalClient, client *livekit.Client, liveSettings live.Settings, settings lobby.Settings,
) (*live.Service, *lobby.Service) {
	w.T.Helper()
	liveSettings.KeyPrefix = w.Prefix
	state := live.New(rdb, liveSettings)
	s, err := lobby.New(lobby.Dependencies{
		Live: state, Accounts: w.People, Rooms: w.Rooms.Service, LiveKit: client, Limiter: ratelimit.New(rdb, w.Prefix),
	}, settings)
	require.NoError(w.T, err)
	return state, s
}
