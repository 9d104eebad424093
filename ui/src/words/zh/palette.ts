import type { palette as english } from "../en/palette";

export const palette: typeof english = {
  palette: {
    label: "搜索与命令",
    placeholder: "执行、页面或命令",
    results: "结果",
    none: "没有叫这个名字的内容。",
    pages: "页面",
    theme: (name) => `主题：${name}`,
    language: (name) => `语言：${name}`,
    trend: (name) => `${name} 的趋势`,
    search: (text) => `在执行记录中查找“${text}”`,
    command: "命令",
    api: "API 参考",
  },
};
