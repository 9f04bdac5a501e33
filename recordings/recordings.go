// Package recordings records the calls of rooms, and hands the recordings to those who may see them.
//
// A recording is a row, made before LiveKit is asked to record, and from then on the row follows what
// LiveKit tells of its egress: by the answer of a call, by an event, or when it is asked. Such news may
// come twice, in any order, late or never. So each is carried over by one conditional update, which
// changes nothing when the row has gone further; and whatever has not been told is found out by a
// comparison of all unfinished rows with LiveKit, again and again.
package recordings

import (
	"context"
	"fmt"
	"time"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/predicate"
	"foyer/ent/recording"
	"foyer/ent/recordingaccess"
	"foyer/ent/roomaccess"
	"foyer/internal/bucket"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/outbox"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// Service records rooms.
type Service struct {
	db       *ent.Client
	redis    redis.UniversalClient
	accounts *accounts.Service
	rooms    *rooms.Service
	live     *live.Service
	rtc      *livekit.Client
	bucket   *bucket.Bucket
	outbox   *outbox.Outbox
	limiter  *ratelimit.Limiter
	onEnd    func(context.Context, *ent.Tx, *ent.Recording) error
	settings Settings

	wake chan struct{}
	// stops counts how often this server asked an unwanted egress to stop. Only the reconciler uses it.
	stops map[string]int
}

// Dependencies of a Service.
type Dependencies struct {
	DB       *ent.Client
	Redis    redis.UniversalClient
	Accounts *accounts.Service
	Rooms    *rooms.Service
	Live     *live.Service
	RTC      *livekit.Client
	// Bucket stores the files; nil if nothing is recorded.
	Bucket  *bucket.Bucket
	Outbox  *outbox.Outbox
	Limiter *ratelimit.Limiter
	// OnEnd runs in the transaction that moves a recording to a final status, and adds what follows from it;
	// nil for nothing. A recording that was given up may reach SAVED later: OnEnd runs again then. An error
	// rolls the transaction back, and the Service retries.
	OnEnd func(context.Context, *ent.Tx, *ent.Recording) error
}

// Settings of a Service.
type Settings struct {
	// PublicURL is where people find the product: files are below it.
	PublicURL string
	// Notice is what people are told while they are recorded; empty for nothing.
	Notice string
	// Served says that nginx hands out files to those who may have them.
	Served bool
	// DownloadFor is how long a URL of the bucket itself is good, in whole seconds; 0 is for none of those.
	DownloadFor time.Duration
	// Layout is how the picture is laid out, in LiveKit's words.
	Layout string
	// RequestS3 opens the bucket to the egress service; nil where that has keys of its own, which is
	// better: LiveKit keeps what it is asked.
	RequestS3 *livekit.S3
	// KeptFor is how long a file is kept, and handed out; 0 is for ever.
	KeptFor time.Duration
	// StartTimeout is when a recording is given up that was asked for and has not begun.
	StartTimeout time.Duration
	// StopTimeout is when one is given up that was to end, and of whose file nothing is heard. If the
	// file comes later all the same, it is SAVED.
	StopTimeout time.Duration
	// Interval is the time between two comparisons with LiveKit.
	Interval time.Duration
	// StartsPerUser is how often one user may ask to record within an hour; 0 is any number.
	StartsPerUser int
	// KeyPrefix stands before every Redis key.
	KeyPrefix string
}

// New returns a Service. Its Run finishes recordings whatever fails meanwhile.
func New(d Dependencies, settings Settings) *Service {
	return &Service{
		db: d.DB, redis: d.Redis, accounts: d.Accounts, rooms: d.Rooms, live: d.Live, rtc: d.RTC, bucket: d.Bucket,
		outbox: d.Outbox, limiter: d.Limiter, onEnd: d.OnEnd, settings: settings,
		wake: make(chan struct{}, 1), stops: map[string]int{},
	}
}

var newestFirst = &ent.RecordingOrder{
	Direction: entgql.OrderDirectionDesc, Field: ent.RecordingOrderFieldCreatedAt,
}

// visibleTo is the one rule of who may see a recording: the hosts of its room, and those with whom it
// has been shared.
func visibleTo(userID uuid.UUID) predicate.Recording {
	return recording.Or(
		recording.HasRoomWith(rooms.HostedBy(userID)),
		recording.HasAccessesWith(recordingaccess.UserID(userID)),
	)
}

// visible finds what the viewer, who is signed in, may see, with what says who else may.
func (s *Service) visible(viewer auth.Viewer) *ent.RecordingQuery {
	return s.db.Recording.Query().Where(visibleTo(viewer.UserID)).
		WithRoom(func(q *ent.RoomQuery) {
			q.WithAccesses(func(q *ent.RoomAccessQuery) { q.Where(roomaccess.UserID(viewer.UserID)) })
		}).
		WithAccesses(func(q *ent.RecordingAccessQuery) {
			q.WithUser().Order(recordingaccess.ByCreatedAt(), recordingaccess.ByID())
		})
}

// Get finds a recording that the viewer may see. Unauthenticated for nobody; NotFound when there is
// none, or none for him.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (*ent.Recording, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, auth.ErrNobody()
	}
	rec, err := s.visible(viewer).Where(recording.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, errNoRecording()
	}
	if err != nil {
		return nil, fmt.Errorf("find recording: %w", err)
	}
	return rec, nil
}

func errNoRecording() error {
	return fault.New(fault.NotFound, "there is no such recording that you may see")
}

// List returns a page of the recordings that the viewer may see, of one room or (nil) of all, newest
// first.
func (s *Service) List(
	ctx context.Context, roomID *uuid.UUID, first *int, after *ent.Cursor,
) (*ent.RecordingConnection, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, auth.ErrNobody()
	}
	size, err := rooms.PageSize(first)
	if err != nil {
		return nil, err
	}
	query := s.visible(viewer)
	if roomID != nil {
		query.Where(recording.RoomID(*roomID))
	}
	page, err := query.Paginate(ctx, after, &size, nil, nil, ent.WithRecordingOrder(newestFirst))
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	return page, nil
}

// OfRoom is List for the hosts of a room; to others it is an error.
func (s *Service) OfRoom(
	ctx context.Context, roomID uuid.UUID, first *int, after *ent.Cursor,
) (*ent.RecordingConnection, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.ReadRecordings); err != nil {
		return nil, err
	}
	return s.List(ctx, &roomID, first, after)
}

// Active returns the recording of a room that is not final, for its hosts; nil when there is none.
func (s *Service) Active(ctx context.Context, roomID uuid.UUID) (*ent.Recording, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.ReadRecordings); err != nil {
		return nil, err
	}
	list, err := s.visible(auth.FromContext(ctx)).
		Where(recording.RoomID(roomID), isUnfinished()).Limit(1).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the active recording: %w", err)
	}
	if len(list) == 0 {
		return nil, nil // none is an answer here
	}
	return list[0], nil
}

// unfinished are the statuses in which a room can have one recording. final are all others.
var (
	unfinished = []recording.Status{
		recording.StatusINITIATED, recording.StatusACTIVE, recording.StatusSTOPPING,
	}
	final = []recording.Status{
		recording.StatusSAVED, recording.StatusFAILED, recording.StatusABORTED,
	}
)

// isUnfinished finds those whose status is not final. They have no end yet, and so are in an index.
func isUnfinished() predicate.Recording {
	return recording.And(recording.EndedAtIsNil(), recording.StatusIn(unfinished...))
}

// Key names the file of a recording in the bucket.
func Key(rec *ent.Recording) string { return folder + Name(rec) }

// folder is where all files are in the bucket.
const folder = "recordings/"

// Name is that of a recording's file: its id, and what its mode makes it.
func Name(rec *ent.Recording) string {
	if rec.Mode == recording.ModeAUDIO {
		return rec.ID.String() + ".ogg"
	}
	return rec.ID.String() + ".mp4"
}

// Available reports whether a recording's file may be handed out at this moment, to those who may see
// the recording.
func Available(rec *ent.Recording) bool {
	return rec.Status == recording.StatusSAVED && !Expired(rec)
}

// Expired reports whether a recording's time is over.
func Expired(rec *ent.Recording) bool {
	return rec.ExpiresAt != nil && !rec.ExpiresAt.After(time.Now())
}
