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
	// askEvery is how often Foyer asks whether LiveKit makes rooms itself; askAgain is the pause after LiveKit did not
	// answer within askTimeout.
	askEvery   = time.Minute
	askAgain   = 5 * time.Second
	askTimeout = 2 * time.Second
	// roomOutlives is how much longer LiveKit keeps an empty room than a token can be used to enter it.
	roomOutlives = time.Minute
)

// open makes a LiveKit room where LiveKit does not make it itself when the first person joins (room.auto_create in its
// settings). Where it does, this costs one request a minute, and tokens are given also while LiveKit is away. Where it
// does not, a token for a room that cannot be made would open nothing: Unavailable. A room that nobody joins ends by
// itself, later than the token.
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

// newRooms is what Foyer knows about how LiveKit treats rooms that nobody has made.
type newRooms struct {
	// asking is held by the one caller who asks.
	asking sync.Mutex

	mu      sync.Mutex
	refused bool
	askAt   time.Time
	known   bool
}

// refusesNewRooms reports whether LiveKit lets nobody into a room that nobody has made. One caller a minute asks;
// others go on with the last answer. Only before the first answer they wait.
func (c *Client) refusesNewRooms(ctx context.Context) bool {
	refused, known, due := c.made.get()
	if !due {
		return refused
	}
	if known {
		if !c.made.asking.TryLock() {
			return refused
		}
	} else {
		c.made.asking.Lock()
	}
	defer c.made.asking.Unlock()
	if refused, _, due = c.made.get(); !due { // somebody else has asked meanwhile
		return refused
	}
	return c.made.set(c.askNewRooms(ctx))
}

func (n *newRooms) get() (refused, known, due bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused, n.known, time.Now().After(n.askAt)
}

// set takes an answer. While LiveKit does not answer, the last answer holds.
func (n *newRooms) set(refused bool, err error) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.askAt = time.Now().Add(askAgain)
		return n.refused
	}
	n.refused, n.known, n.askAt = refused, true, time.Now().Add(askEvery)
	return refused
}

// askNewRooms asks LiveKit whether it would let somebody into a room of a new name. That makes no room.
func (c *Client) askNewRooms(ctx context.Context) (refused bool, err error) {
	// Others go by the answer too: a caller who gives up is no reason to have none.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	token, err := auth.NewAccessToken(c.settings.APIKey, c.settings.APISecret).SetIdentity(uuid.NewString()).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: uuid.NewString()}).SetValidFor(askTimeout).ToJWT()
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
