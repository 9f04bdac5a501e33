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

// Check sends LiveKit a request that every valid key may make. The error is Unauthenticated if LiveKit does not know
// the key, if the secret is wrong, or if the clocks differ.
func (c *Client) Check(ctx context.Context) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.ListRooms(ctx, &livekitproto.ListRoomsRequest{Names: []string{uuid.NewString()}})
	return err
}

// CheckRooms is the prefix of the names of LiveKit rooms that Foyer creates to check LiveKit. Nobody meets there.
const CheckRooms = "foyer-check-"

// InCheckRoom creates a LiveKit room, runs do with it, and ends the room.
func (c *Client) InCheckRoom(ctx context.Context, do func(room string) error) error {
	room := CheckRooms + uuid.NewString()
	asked, cancel := call(ctx)
	defer cancel()
	if _, err := c.rooms.CreateRoom(asked, &livekitproto.CreateRoomRequest{Name: room, EmptyTimeout: 60}); err != nil {
		return fmt.Errorf("make a room: %w", err)
	}
	return errors.Join(do(room), c.EndRoom(context.WithoutCancel(ctx), room))
}

// CheckEntrance asks LiveKit, at the URL of clients, whether it would let a participant into a running room.
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

// CheckEgress requests an impossible egress, of a track without an id. An egress service refuses it. The error is not
// nil if no service answers.
func (c *Client) CheckEgress(ctx context.Context, room string) error {
	if _, err := c.RunningEgresses(ctx); err != nil {
		return errors.Unwrap(fault.Of(err)) // the cause: LiveKit has no Redis or cannot be reached
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
	if notDone(err) {
		return nil
	}
	return fmt.Errorf("no egress service answers: %w", err)
}

// Check is a kind of event that LiveKit does not send. Foyer sends it to itself.
const Check Kind = "foyer_check"

// CheckWebhook sends an event of kind Check about a room to the URL of LiveKit's webhook, signed as LiveKit does, and
// decodes the answer. A Foyer with the same key and secret accepts it.
func (c *Client) CheckWebhook(ctx context.Context, url, room string, header http.Header, answer any) error {
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

// checkedRooms is the maximum number of rooms that Deployments reads.
const checkedRooms = 100

// Deployments returns which deployments have people in LiveKit's rooms: the names of those rooms by the deployment in
// the tokens. It reads at most 100 rooms.
func (c *Client) Deployments(ctx context.Context) (map[string][]string, error) {
	ctx, cancel := callFor(ctx, checkTimeout)
	defer cancel()
	list, err := c.rooms.ListRooms(ctx, &livekitproto.ListRoomsRequest{})
	if err != nil {
		return nil, unreached(err)
	}
	all := list.GetRooms() // LiveKit updates their number of participants only now and then
	rooms := map[string][]string{}
	for _, room := range all[:min(len(all), checkedRooms)] {
		people, err := c.Participants(ctx, room.GetName())
		if err != nil {
			return nil, err
		}
		for _, p := range people {
			deployment := p.Attributes[AttributeDeployment]
			if deployment != "" && p.Kind == Person && !slices.Contains(rooms[deployment], room.GetName()) {
				rooms[deployment] = append(rooms[deployment], room.GetName())
			}
		}
	}
	return rooms, nil
}

// checkTimeout is the time limit for checks that need several requests.
const checkTimeout = 2 * callTimeout
