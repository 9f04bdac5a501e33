package livekit

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
)

const (
	// probeEvery is how often Foyer probes whether LiveKit creates rooms itself. probeAgain is the pause after LiveKit
	// did not answer within probeTimeout.
	probeEvery   = time.Minute
	probeAgain   = 5 * time.Second
	probeTimeout = 2 * time.Second
	// roomOutlives is how much longer LiveKit keeps an empty room than a token can be used to enter it.
	roomOutlives = time.Minute
)

// open creates a LiveKit room if LiveKit does not create rooms itself when the first person joins (room.auto_create in
// its settings). If it does, the only cost is one probe per minute, and Foyer can make tokens while LiveKit cannot be
// reached. If it does not, the error is Unavailable when the room cannot be created, because a token for it would be
// useless. A room that nobody joins ends by itself, later than the token.
func (c *Client) open(ctx context.Context, room string) error {
	if !c.refusesNewRooms(ctx) {
		return nil
	}
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.CreateRoom(ctx, &livekitproto.CreateRoomRequest{
		Name: room, EmptyTimeout: uint32((c.settings.TokenTTL + roomOutlives).Seconds()),
	})
	if err != nil {
		return away(err, "make", room)
	}
	return nil
}

// newRooms is what Foyer knows about whether LiveKit creates rooms itself.
type newRooms struct {
	// probing is held by the one caller who probes.
	probing sync.Mutex

	mu      sync.Mutex
	refused bool
	probeAt time.Time
	known   bool
}

// refusesNewRooms reports whether LiveKit refuses people in a room that does not exist yet. One caller per minute
// probes; others use the last result. Callers wait only for the first result.
func (c *Client) refusesNewRooms(ctx context.Context) bool {
	refused, known, due := c.made.get()
	if !due {
		return refused
	}
	if known {
		if !c.made.probing.TryLock() {
			return refused
		}
	} else {
		c.made.probing.Lock()
	}
	defer c.made.probing.Unlock()
	if refused, _, due = c.made.get(); !due { // another caller has probed meanwhile
		return refused
	}
	return c.made.set(c.probe(ctx))
}

func (n *newRooms) get() (refused, known, due bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused, n.known, time.Now().After(n.probeAt)
}

// set stores a result. While LiveKit does not answer, the last result stays.
func (n *newRooms) set(refused bool, err error) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.probeAt = time.Now().Add(probeAgain)
		return n.refused
	}
	n.refused, n.known, n.probeAt = refused, true, time.Now().Add(probeEvery)
	return refused
}

// probe asks LiveKit whether it would let a participant into a room with a new name. This creates no room.
func (c *Client) probe(ctx context.Context) (refused bool, err error) {
	// Other callers use the result too, so one caller's cancellation must not end the probe.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	token, err := auth.NewAccessToken(c.settings.APIKey, c.settings.APISecret).SetIdentity(uuid.NewString()).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: uuid.NewString()}).SetValidFor(probeTimeout).ToJWT()
	if err != nil {
		return false, err
	}
	url := c.settings.URL
	if c.settings.InsecureSkipVerify {
		url = insecure(url)
	}
	if rest, is := strings.CutPrefix(url, "ws"); is {
		url = "http" + rest
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/rtc/validate", nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusNotFound, nil
}
