package livekit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"

	"foyer/internal/fault"
)

// Check asks LiveKit something that any right key may ask. Unauthenticated when it does not know the
// key, or the secret or the clock is another.
func (c *Client) Check(ctx context.Context) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.ListRooms(ctx, &livekitproto.ListRoomsRequest{Names: []string{uuid.NewString()}})
	return err
}

// CheckRooms begins the names of LiveKit rooms that are made to see whether LiveKit does what it should. Nobody
// meets there.
const CheckRooms = "foyer-check-"

// InCheckRoom makes a LiveKit room, has something done with it, and ends it.
func (c *Client) InCheckRoom(ctx context.Context, do func(room string) error) error {
	room := CheckRooms + uuid.NewString()
	asked, cancel := call(ctx)
	defer cancel()
	if _, err := c.rooms.CreateRoom(asked, &livekitproto.CreateRoomRequest{Name: room, EmptyTimeout: 60}); err != nil {
		return fmt.Errorf("make a room: %w", err)
	}
	return errors.Join(do(room), c.EndRoom(context.WithoutCancel(ctx), room))
}

// CheckEntrance asks LiveKit, where clients reach it, whether it would let somebody into a room that runs.
func (c *Client) CheckEntrance(ctx context.Context, room string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	token, err := auth.NewAccessToken(c.settings.APIKey, c.settings.APISecret).SetIdentity(uuid.NewString()).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room}).SetValidFor(callTimeout).ToJWT()
	if err != nil {
		return err
	}
	at := strings.TrimSuffix("http"+strings.TrimPrefix(c.settings.PublicURL, "ws"), "/") + "/rtc/validate"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", at, answer.Status)
	}
	return nil
}

// CheckEgress asks for an egress that cannot be: of a track without an id. Whoever records refuses that. It fails when
// nobody answers.
func (c *Client) CheckEgress(ctx context.Context, room string) error {
	if _, err := c.RunningEgresses(ctx); err != nil {
		return errors.Unwrap(fault.Of(err)) // which says that LiveKit has no Redis, or is away
	}
	ctx, cancel := callFor(ctx, startTimeout)
	defer cancel()
	info, err := c.egress.StartTrackEgress(ctx, &livekitproto.TrackEgressRequest{
		RoomName: room,
		Output: &livekitproto.TrackEgressRequest_File{
			File: &livekitproto.DirectFileOutput{Filepath: room, DisableManifest: true},
		},
	})
	if err == nil {
		_, err = c.StopEgress(ctx, info.GetEgressId())
		return err
	}
	if answered(err) {
		return nil
	}
	return fmt.Errorf("no egress service answers: %w", err)
}

// Check is a kind of event that LiveKit does not know: Foyer sends it to itself.
const Check Kind = "foyer_check"

// AskWebhook sends an event of kind Check, about a room, to the address where LiveKit's webhook arrives, signed as
// LiveKit does, and reads what is answered. It is taken where a Foyer with the same key and secret listens.
func (c *Client) AskWebhook(ctx context.Context, url, room string, header http.Header, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := protojson.Marshal(&livekitproto.WebhookEvent{
		Event: string(Check), Id: uuid.NewString(), CreatedAt: time.Now().Unix(), Room: &livekitproto.Room{Name: room},
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	signature, err := auth.NewAccessToken(c.settings.APIKey, c.settings.APISecret).
		SetValidFor(callTimeout).SetSha256(base64.StdEncoding.EncodeToString(sum[:])).ToJWT()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header.Clone()
	request.Header.Set("Authorization", signature)
	request.Header.Set("Content-Type", "application/webhook+json")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", got.Status)
	}
	if err := json.NewDecoder(got.Body).Decode(answer); err != nil {
		return fmt.Errorf("its answer is not that of this version of Foyer: %w", err)
	}
	return nil
}

// checkedRooms is how many rooms Marks looks at.
const checkedRooms = 100

// Marks returns which deployments have people in LiveKit's rooms: the names of those rooms by the name that the
// tokens carry. It looks at 100 rooms at most.
func (c *Client) Marks(ctx context.Context) (map[string][]string, error) {
	ctx, cancel := callFor(ctx, checkTimeout)
	defer cancel()
	list, err := c.rooms.ListRooms(ctx, &livekitproto.ListRoomsRequest{})
	if err != nil {
		return nil, unreached(err)
	}
	rooms := list.GetRooms() // how many are in them LiveKit counts only now and then
	marks := map[string][]string{}
	for _, room := range rooms[:min(len(rooms), checkedRooms)] {
		people, err := c.Participants(ctx, room.GetName())
		if err != nil {
			return nil, err
		}
		for _, p := range people {
			mark := p.Attributes[AttributeDeployment]
			if mark != "" && p.Kind == Person && !slices.Contains(marks[mark], room.GetName()) {
				marks[mark] = append(marks[mark], room.GetName())
			}
		}
	}
	return marks, nil
}

// checkTimeout bounds what needs more than one call.
const checkTimeout = 2 * callTimeout
