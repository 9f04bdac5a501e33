package recordings

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/fault"
)

// URL is where browsers get the file of a recording, by the server before the bucket; nil when there is
// none, or none any more, and where no server hands out files.
func (s *Service) URL(rec *ent.Recording) *string {
	if !Available(rec) || !s.settings.Served {
		return nil
	}
	url := strings.TrimRight(s.settings.PublicURL, "/") + "/media/" + Key(rec)
	return &url
}

// DownloadURL is where anybody gets the file of a recording for a short time; nil when there is none,
// or where the server gives none.
func (s *Service) DownloadURL(ctx context.Context, rec *ent.Recording) (*string, error) {
	if !Available(rec) || s.settings.DownloadFor == 0 {
		return nil, nil
	}
	url, err := s.bucket.Presign(ctx, Key(rec), DownloadName(rec), Lifetime(rec, s.settings.DownloadFor))
	return &url, err
}

// Lifetime is how long a URL of a recording may live: as long as is wished, and not longer than it is kept.
func Lifetime(rec *ent.Recording, wished time.Duration) time.Duration {
	if rec.ExpiresAt == nil {
		return wished
	}
	return min(wished, max(time.Second, time.Until(*rec.ExpiresAt)))
}

// Media finds the recording that has the file of a name, if the viewer may have that file now.
// Unauthenticated for nobody. For everything else it is one Forbidden: whether there is such a recording
// is not told to those who may not see it, nor to applications.
func (s *Service) Media(ctx context.Context, file string) (*ent.Recording, error) {
	viewer := auth.FromContext(ctx)
	if viewer.IsApplication() {
		return nil, errNoFile()
	}
	name, _, _ := strings.Cut(file, ".")
	id, err := uuid.Parse(name)
	if err != nil {
		id = uuid.Nil // nobody's: a guest is told to sign in all the same
	}
	rec, err := s.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, errNoFile()
	}
	if err != nil {
		return nil, err
	}
	if Name(rec) != file || !Available(rec) {
		return nil, errNoFile()
	}
	return rec, nil
}

// Stored takes news of the storage: there is an object of so many bytes, whole. It may be repeated; of
// another's object it is fine. The storage alone makes no recording SAVED: LiveKit has to have ended its
// egress, or to know it no more. An error means that the same news should come again.
func (s *Service) Stored(ctx context.Context, key string, size int64) error {
	id, ours := idOf(key)
	if !ours {
		return nil
	}
	rec, err := s.db.Recording.Get(ctx, id)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the recording of an object: %w", err)
	}
	if Key(rec) != key {
		return nil
	}
	if err := s.measure(ctx, rec, size); err != nil || rec.Status == recording.StatusSAVED {
		return err
	}
	return s.complete(ctx, rec, size)
}

// measure notes how large the file of a recording is.
func (s *Service) measure(ctx context.Context, rec *ent.Recording, size int64) error {
	if size <= 0 || rec.Size != nil && *rec.Size == size {
		return nil
	}
	err := s.db.Recording.Update().Where(recording.ID(rec.ID)).SetSize(size).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the size of recording %s: %w", rec.ID, err)
	}
	return nil
}

// complete makes a recording, of which there is a file, what LiveKit says of its egress.
func (s *Service) complete(ctx context.Context, rec *ent.Recording, size int64) error {
	e, err := s.egressOf(ctx, rec)
	switch {
	case err != nil:
		return err
	case e != nil:
		return s.follow(ctx, rec, e)
	case rec.EgressID != nil:
		return s.save(ctx, rec, file{size: size})
	default:
		return nil // it has no egress yet: a file of that name was not made by one of ours
	}
}

func errNoFile() error {
	return fault.New(fault.Forbidden, "there is no such file that you may have")
}

// DownloadName is what the file of a recording is called where it is kept by those who download it: the
// room's slug, and when it was recorded (UTC). All are plain letters and digits.
func DownloadName(rec *ent.Recording) string {
	at := rec.CreatedAt
	if rec.StartedAt != nil {
		at = *rec.StartedAt
	}
	name := at.UTC().Format("2006-01-02-1504")
	if room, err := rec.Edges.RoomOrErr(); err == nil {
		name = room.Slug + "-" + name
	}
	return name + strings.TrimPrefix(Name(rec), rec.ID.String())
}
