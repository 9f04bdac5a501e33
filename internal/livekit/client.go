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

// callTimeout is the time limit of each request to LiveKit's API.
const callTimeout = 5 * time.Second

// Settings of a Client.
type Settings struct {
	// URL is LiveKit's URL for Foyer: ws, wss, http or https.
	URL string
	// PublicURL is LiveKit's URL for clients.
	PublicURL string
	// APIKey and APISecret sign tokens and requests. OlderKeys are secrets by their keys. Events may be signed with
	// them too, because LiveKit may still use an older key during a rotation.
	APIKey, APISecret string
	OlderKeys         map[string]string
	// Deployment names this installation of Foyer in its tokens; empty for no name.
	Deployment string
	// InsecureSkipVerify accepts any certificate of LiveKit's API. It is for test installations.
	InsecureSkipVerify bool
	// TokenTTL is how long a join token can be used to enter.
	TokenTTL time.Duration
	// DefaultSources are the media that hosts can always send, and that others can send if the room does not say
	// otherwise.
	DefaultSources []string
	// HostsAreRoomAdmins adds LiveKit's roomAdmin grant to hosts' tokens.
	HostsAreRoomAdmins bool
	// Secrets are removed from LiveKit's error messages.
	Secrets []string
	// Around wraps each request to LiveKit's API: it gets the name of the method and runs call; nil means no wrapper.
	Around func(ctx context.Context, method string, call func(context.Context) error) error
}

// Client talks to one LiveKit server. It is safe for concurrent use; create one and keep it.
type Client struct {
	made newRooms

	settings Settings
	rooms    *lksdk.RoomServiceClient
	egress   *lksdk.EgressClient
	// tokens is the number of join tokens that were made.
	tokens atomic.Uint64
}

// New returns a Client. It does not connect, so LiveKit can start later.
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

// options are the options of the clients of LiveKit's API.
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

// Outcome returns how a request to LiveKit's API ended: ok, Twirp's error code, or error.
func Outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if twirpErr, ok := errors.AsType[twirp.Error](err); ok && twirp.IsValidErrorCode(twirpErr.Code()) {
		return string(twirpErr.Code())
	}
	return "error"
}

// DefaultSources returns the media that people can send if the room does not say otherwise.
func (c *Client) DefaultSources() []string { return slices.Clone(c.settings.DefaultSources) }

// Tokens returns the number of join tokens that were made.
func (c *Client) Tokens() uint64 { return c.tokens.Load() }

// TokenTTL returns how long a join token can be used to enter.
func (c *Client) TokenTTL() time.Duration { return c.settings.TokenTTL }

// EndRoom disconnects everybody from a LiveKit room. A room that does not run is not an error. As for every request to
// LiveKit, Unavailable means that it cannot be reached or did not answer within 5 s. It may still have done what was
// requested.
func (c *Client) EndRoom(ctx context.Context, room string) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.DeleteRoom(ctx, &livekitproto.DeleteRoomRequest{Room: room})
	if err != nil && !isNotFound(err) {
		return away(err, "end", room)
	}
	return nil
}

// Rooms returns the running LiveKit rooms: their metadata by their names. Unavailable if LiveKit is.
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

// SendToHosts sends a reliable data message to the hosts in a LiveKit room, and to nobody else. Without a host there it
// does nothing.
func (c *Client) SendToHosts(ctx context.Context, room string, message []byte) error {
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

// call sets the time limit of one request to the API. It turns the SDK's failover between regions off, because each
// attempt would get a new deadline.
func call(ctx context.Context) (context.Context, context.CancelFunc) {
	return callFor(ctx, callTimeout)
}

func callFor(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(lksdk.WithFailover(ctx, false), timeout)
}

// away is the error of a request about a room that LiveKit did not answer as expected.
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
