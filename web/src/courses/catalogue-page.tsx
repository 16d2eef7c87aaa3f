// All courses that can be found: search, filters, more at the press of a button.

import './courses.css';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { messageOf } from '../api/error';
import type { Category, WholeCourse } from '../api/course-types';
import { api } from '../auth/account';
import { Gate } from '../auth/gate';
import { Button, Notice, Spinner } from '../ui/parts';
import { Shell } from '../ui/shell';
import { dayAndTime } from '../ui/time';
import { LEVELS, places, price, standing } from './words';

const PER_PAGE = 24;
const TYPING_MS = 300;
const FILTERS = ['q', 'category', 'level', 'sort', 'free'] as const;

export function CataloguePage() {
  return (
    <Gate>
      {() => (
        <Shell title="Courses">
          <Catalogue />
        </Shell>
      )}
    </Gate>
  );
}

function Catalogue() {
  const [params, setParams] = useSearchParams();
  const wanted = new URLSearchParams();
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value) wanted.set(name, value);
  }
  const query = wanted.toString();
  const set = (name: (typeof FILTERS)[number], value: string) => {
    const next = new URLSearchParams(params);
    if (value === '') next.delete(name);
    else next.set(name, value);
    setParams(next, { replace: true });
  };
  const categories = useQuery({ queryKey: ['categories'], queryFn: () => api<Category[]>('/categories') });
  const courses = useInfiniteQuery({
    queryKey: ['catalogue', query],
    queryFn: ({ pageParam }) => api<WholeCourse[]>(`/courses?${query}&page=${pageParam}&per_page=${PER_PAGE}`),
    initialPageParam: 1,
    getNextPageParam: (last, all) => (last.length < PER_PAGE ? null : all.length + 1),
    placeholderData: (before) => before,
  });
  const found = courses.data?.pages.flat() ?? [];
  return (
    <>
      <div className="page-head">
        <div>
          <h1>Courses</h1>
          <p>Find a course and join it, or ask its teacher for a place.</p>
        </div>
      </div>
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <Search value={params.get('q') ?? ''} onSearch={(text) => set('q', text)} />
        {(categories.data?.length ?? 0) > 0 && (
          <label className="filters__one">
            <span>Category</span>
            <select value={params.get('category') ?? ''} onChange={(event) => set('category', event.target.value)}>
              <option value="">All</option>
              {categories.data?.map((category) => (
                <option key={category.id} value={category.id}>
                  {`${'\u2003'.repeat(category.depth)}${category.name}`}
                </option>
              ))}
            </select>
          </label>
        )}
        <label className="filters__one">
          <span>Level</span>
          <select value={params.get('level') ?? ''} onChange={(event) => set('level', event.target.value)}>
            <option value="">Any</option>
            <option value="beginner">Beginner</option>
            <option value="intermediate">Intermediate</option>
            <option value="advanced">Advanced</option>
          </select>
        </label>
        <label className="filters__one">
          <span>Sort by</span>
          <select value={params.get('sort') ?? ''} onChange={(event) => set('sort', event.target.value)}>
            <option value="">Newest</option>
            <option value="title">Title</option>
            <option value="price">Price</option>
          </select>
        </label>
        <label className="check filters__check">
          <input type="checkbox" checked={params.get('free') === 'true'} onChange={(event) => set('free', event.target.checked ? 'true' : '')} />
          <span>Free only</span>
        </label>
      </form>
      {courses.isError && <Notice tone="bad">{messageOf(courses.error)}</Notice>}
      {courses.isPending && <Spinner label="Looking for courses…" />}
      {courses.isSuccess && found.length === 0 && (
        <div className="empty">
          <h3>{query ? 'Nothing found' : 'No courses yet'}</h3>
          <p>{query ? 'Try fewer or other words, or take a filter away.' : 'Courses that can be joined appear here.'}</p>
          {query && (
            <Button type="button" onClick={() => setParams({}, { replace: true })}>
              Show all courses
            </Button>
          )}
        </div>
      )}
      <ul className="catalogue" aria-busy={courses.isPlaceholderData}>
        {found.map((course) => (
          <li key={course.id}>
            <CourseCard course={course} />
          </li>
        ))}
      </ul>
      {courses.hasNextPage && (
        <div className="more">
          <Button type="button" disabled={courses.isFetchingNextPage} onClick={() => void courses.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </>
  );
}

/** Searches while one types, with a pause. */
function Search({ value, onSearch }: { value: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onSearch(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    if (value !== text.trim()) setText(value);
  }, [value]);
  return (
    <label className="filters__search">
      <span>Search</span>
      <input type="search" value={text} maxLength={200} placeholder="Title, teacher or topic" onChange={(event) => setText(event.target.value)} />
    </label>
  );
}

function CourseCard({ course }: { course: WholeCourse }) {
  const mine = course.my_part === 'student' || course.my_part === 'applicant' ? course.enrolment : null;
  const now = mine && standing(mine.status);
  return (
    <article className="card offer">
      <p className="offer__top">
        <span>{course.category?.name ?? LEVELS[course.level]}</span>
        {course.is_live && (
          <span className="tag tag--live">
            <span className="dot dot--beats" />
            Live
          </span>
        )}
        {now && <span className={`tag ${now.tone === 'quiet' ? '' : `tag--${now.tone}`}`}>{now.tag}</span>}
      </p>
      <h2>
        <Link to={`/courses/${course.slug}`}>{course.title}</Link>
      </h2>
      <p className="offer__teacher">{course.teacher.full_name}</p>
      {course.description && <p className="offer__text">{course.description}</p>}
      <p className="offer__facts">
        <strong>{course.access === 'paid' ? price(course.price_minor, course.currency) : 'Free'}</strong>
        <span>{course.next_session_at ? `Next: ${dayAndTime(Date.parse(course.next_session_at), Date.now())}` : places(course)}</span>
      </p>
    </article>
  );
}
