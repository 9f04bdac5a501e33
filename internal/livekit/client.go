package livekit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"

	"foyer/internal/fault"
)

// callTimeout bounds each call of LiveKit's API.
const callTimeout = 5 * time.Second

// Settings of a Client.
type Settings struct {
	// URL is where Foyer reaches LiveKit: ws, wss, http or https.
	URL string
	// PublicURL is where clients reach it.
	PublicURL string
	// APIKey and APISecret sign tokens and requests. OlderKeys, secrets by their keys, sign events as well: while
	// the keys are changed, LiveKit may still sign with an older one.
	APIKey, APISecret string
	OlderKeys         map[string]string
	// Deployment names this installation of Foyer in its tokens; empty for no name.
	Deployment string
	// InsecureSkipVerify accepts any certificate of LiveKit's API. For test installations.
	InsecureSkipVerify bool
	// TokenTTL is how long a join token may be used to enter.
	TokenTTL time.Duration
	// DefaultSources are what hosts may always send, and others where the room does not say.
	DefaultSources []string
	// HostsAreRoomAdmins puts LiveKit's roomAdmin grant into hosts' tokens.
	HostsAreRoomAdmins bool
	// Secrets must not be shown where LiveKit says them.
	Secrets []string
	// Around is called with each call of LiveKit's API, by its method's name there, and calls it; nil does
	// no more.
	Around func(ctx context.Context, method string, call func(context.Context) error) error
}

// Client speaks to one LiveKit server. It is safe for concurrent use; make one and keep it.
type Client struct {
	made newRooms

	settings Settings
	rooms    *lksdk.RoomServiceClient
	egress   *lksdk.EgressClient
	// tokens counts those that were made.
	tokens atomic.Uint64
}

// New returns a Client. It does not connect: LiveKit may come up later.
func New(s Settings) *Client {
	url := s.URL
	if s.InsecureSkipVerify {
		url = insecure(url)
	}
	return &Client{
		settings: s, rooms: lksdk.NewRoomServiceClient(url, s.APIKey, s.APISecret, s.options()...),
		egress: lksdk.NewEgressClient(url, s.APIKey, s.APISecret, s.options()...),
	}
}

// options are those of each client of LiveKit's API.
func (s Settings) options() []twirp.ClientOption {
	if s.Around == nil {
		return nil
	}
	around := func(next twirp.Method) twirp.Method {
		return func(ctx context.Context, request any) (answer any, err error) {
			method, _ := twirp.MethodName(ctx)
			err = s.Around(ctx, method, func(ctx context.Context) (err error) {
				answer, err = next(ctx, request)
				return err
			})
			return answer, err
		}
	}
	return []twirp.ClientOption{twirp.WithClientInterceptors(around)}
}

// Outcome says in a word how a call of LiveKit's API has ended: ok, Twirp's code of its error, or error.
func Outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if twirpErr, ok := errors.AsType[twirp.Error](err); ok && twirp.IsValidErrorCode(twirpErr.Code()) {
		return string(twirpErr.Code())
	}
	return "error"
}

// DefaultSources returns the media that may be sent where a room does not say.
func (c *Client) DefaultSources() []string { return slices.Clone(c.settings.DefaultSources) }

// Tokens returns how many join tokens were made.
func (c *Client) Tokens() uint64 { return c.tokens.Load() }

// TokenTTL is how long a join token may be used to enter.
func (c *Client) TokenTTL() time.Duration { return c.settings.TokenTTL }

// EndRoom disconnects everybody from a LiveKit room. A room that is not running is fine. As with every
// call of LiveKit, Unavailable means that it is away or did not answer within 5 s; it may have done
// what was asked all the same.
func (c *Client) EndRoom(ctx context.Context, room string) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.DeleteRoom(ctx, &livekitproto.DeleteRoomRequest{Room: room})
	if err != nil && !isNotFound(err) {
		return away(err, "end", room)
	}
	return nil
}

// Rooms returns the LiveKit rooms that run: their metadata by their names. Unavailable when LiveKit is.
func (c *Client) Rooms(ctx context.Context) (map[string]string, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	list, err := c.rooms.ListRooms(ctx, &livekitproto.ListRoomsRequest{})
	if err != nil {
		return nil, unreached(fmt.Errorf("list all LiveKit rooms: %w", err))
	}
	running := make(map[string]string, len(list.GetRooms()))
	for _, room := range list.GetRooms() {
		running[room.GetName()] = room.GetMetadata()
	}
	return running, nil
}

// TellHosts sends a reliable data message to the hosts who are in a LiveKit room, and to nobody
// else. With no host there it does nothing.
func (c *Client) TellHosts(ctx context.Context, room string, message []byte) error {
	ctx, cancel := call(ctx)
	defer cancel()
	hosts, err := c.hosts(ctx, room)
	if err != nil || len(hosts) == 0 {
		return err
	}
	_, err = c.rooms.SendData(ctx, &livekitproto.SendDataRequest{
		Room: room, Data: message, Kind: livekitproto.DataPacket_RELIABLE, DestinationIdentities: hosts,
	})
	if err != nil && !isNotFound(err) {
		return away(err, "send data in", room)
	}
	return nil
}

func (c *Client) hosts(ctx context.Context, room string) ([]string, error) {
	people, err := c.Participants(ctx, room)
	var hosts []string
	for _, p := range people {
		if IsHost(p.Role()) {
			hosts = append(hosts, string(p.Identity))
		}
	}
	return hosts, err
}

// call bounds one call of the API. With the SDK's failover between regions on, a deadline would
// start anew at every attempt.
func call(ctx context.Context) (context.Context, context.CancelFunc) {
	return callFor(ctx, callTimeout)
}

func callFor(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(lksdk.WithFailover(ctx, false), timeout)
}

// away is the error of a call that LiveKit did not answer as it should.
func away(err error, what, room string) error {
	return unreached(fmt.Errorf("%s LiveKit room %s: %w", what, room, err))
}

func unreached(err error) error {
	return fault.From(err, fault.Unavailable, "the media server cannot be reached; try again soon")
}

func isNotFound(err error) bool { return hasCode(err, twirp.NotFound) }

func isInvalid(err error) bool { return hasCode(err, twirp.InvalidArgument) }

func hasCode(err error, code twirp.ErrorCode) bool {
	twirpErr, ok := errors.AsType[twirp.Error](err)
	return ok && twirpErr.Code() == code
}
