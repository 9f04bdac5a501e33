import {
  type TrackReferenceOrPlaceholder,
  useConnectionState,
  usePagination,
  useTracks,
} from "@livekit/components-react";
import { ConnectionState, Track } from "livekit-client";
import { useLayoutEffect, useRef, useState } from "react";
import { IconButton } from "../ui/Button";
import { useWords } from "../words";
import { type Box, fit, GAP, places } from "./fit";
import { Tile } from "./Tile";

// All pictures: side by side, or beside a shared screen.
export function Stage() {
  const tracks = useTracks([
    { source: Track.Source.Camera, withPlaceholder: true },
    { source: Track.Source.ScreenShare, withPlaceholder: false },
  ]);
  const shared = tracks.filter(({ source }) => source === Track.Source.ScreenShare);
  const people = tracks.filter(({ source }) => source !== Track.Source.ScreenShare);
  const screen = shared.at(-1);
  const connection = useConnectionState();
  // Not before the participants are known: the viewer's own picture would be alone first, and then move.
  const early = connection === ConnectionState.Connecting || connection === ConnectionState.Disconnected;
  if (early) return null;
  if (!screen) return <Grid tracks={people} />;
  return (
    <div className="stage-shared">
      <div className="stage-screen">
        <Tile trackRef={screen} />
      </div>
      <div className="stage-strip">
        <Grid tracks={[...shared.slice(0, -1), ...people]} />
      </div>
    </div>
  );
}

const keyOf = ({ participant, source }: TrackReferenceOrPlaceholder) => `${participant.identity} ${source}`;

function Grid({ tracks }: { tracks: TrackReferenceOrPlaceholder[] }) {
  const words = useWords();
  const area = useRef<HTMLDivElement>(null);
  const box = useBox(area);
  const page = usePagination(places(box), tracks);
  const { width, height } = fit(page.tracks.length, box);
  const several = page.totalPageCount > 1;
  return (
    <div className="stage-grid" ref={area}>
      <ul className="stage-tiles" style={{ gap: GAP }} aria-label={words.meeting.people}>
        {width > 0 &&
          page.tracks.map((track) => (
            <li key={keyOf(track)} style={{ width, height }}>
              <Tile trackRef={track} />
            </li>
          ))}
      </ul>
      {several && (
        <div className="stage-pages">
          <IconButton
            small
            icon="back"
            label={words.meeting.previous}
            onClick={page.prevPage}
            disabled={page.currentPage === 1}
          />
          <span role="status">{words.meeting.page(page.currentPage, page.totalPageCount)}</span>
          <IconButton
            small
            icon="next"
            label={words.meeting.next}
            onClick={page.nextPage}
            disabled={page.currentPage === page.totalPageCount}
          />
        </div>
      )}
    </div>
  );
}

function useBox(of: React.RefObject<HTMLElement | null>): Box {
  const [box, setBox] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setBox(entry!.contentRect));
    observer.observe(of.current!);
    // oxlint-disable-next-line react/set-state-in-effect -- it measures before the first paint
    setBox({ width: of.current!.clientWidth, height: of.current!.clientHeight });
    return () => observer.disconnect();
  }, [of]);
  return box;
}
